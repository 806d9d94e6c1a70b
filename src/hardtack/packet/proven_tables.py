"""Proven sources: the tables of the packet program that are about them, and their records. NumPy only, as layout.py.

A source is one address. What it may have is counted in periods of 2.048 s (layout.PERIOD_BITS).
"""

from __future__ import annotations

import numpy as np

from hardtack.image import MMAPABLE
from hardtack.packet.layout import table

PROVEN_WAYS = 16  # places in a bucket, whose tags are two words
PROVEN_HASH_WORDS = 5  # a constant, and the four 32-bit words of an address
# Source.earned: SYNs that it may have in a period; and from LOST_SHIFT on, how often in a row it has lost all of them
ALLOWANCE_BITS, LOST_SHIFT, MOST_LOST = 0x1FFF, 13, 7
FIRST_ALLOWANCE = 4  # of a source that has just been proven
MOST_PERIODS = 0xF000  # that low 16 bits tell apart: what is further away is ahead, by another CPU's clock
NEWCOMER_AGE = 1 << 16  # periods, more than there are: who has been proven and no more goes first

# 24 bytes, and a tag
Source = np.dtype(
    [
        ("high", "u8"),  # wire, as in Flow
        ("low", "u8"),
        ("used", "u2"),  # the last period in which it had a SYN, low 16 bits; what follows is of this one
        ("earned", "u2"),  # its allowance, and how often it was lost
        ("passed", "u2"),  # SYNs of this period that have gone on
        ("pending", "u1"),  # of these, those that are half open still
        ("before", "u1"),  # likewise of the period before
    ],
    align=True,
)
# The tags of a bucket's places, a byte each; 0: free
SourceTags = np.dtype([("words", "u8", (PROVEN_WAYS // 8,))], align=True)
# Where a source may be: see packet/state/proven.py
SourcePlaces = np.dtype([("buckets", "u8"), ("factors", "u8", (PROVEN_HASH_WORDS,))], align=True)

# `entries` of the first two are for whoever makes them to choose: buckets, and PROVEN_WAYS times as many places
PROVEN_TAGS = table("proven_tags", "array", SourceTags, 64, MMAPABLE)
PROVEN = table("proven", "array", Source, 64 * PROVEN_WAYS, MMAPABLE)
PROVEN_PLACES = table("proven_places", "array", SourcePlaces, flags=MMAPABLE)
