"""The layout of packet/state/networks.py, as numbers: what is in a word and in a block."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

SEEN = 1 << 31  # in a word's low half: the rest of it is a value
INLINE, ROW, SKIP = 1 << 31, 1 << 29, 1 << 30  # in its high half; none of them: a node
WIDE = CHANGES = 1  # of a row; of a node
PLACE = 0x1FFFFFFC
INLINE_BITS = 24
FIRST_WORD = 5  # of a node's block: counts and bits come before
SKIP_WORDS = 4
NODE_BITS, WIDE_BITS = 8, 16
NODE_SIZE = 1 << NODE_BITS
ROW_FROM = 160  # words in a node, from which on a row of 256 is worth its memory: it takes no counting
ROW_BELOW = 256  # prefixes in and below a node, likewise
WIDE_FROM = 1 << 14  # prefixes, from which on a root's row of 65,536 is

Values = npt.NDArray[np.uint32]
