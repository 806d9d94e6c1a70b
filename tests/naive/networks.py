"""Longest-prefix match as it is defined, and as it is written: prefixes in a dict, and the words of a tree one by one.

The latter is the twin of packet/state/networks.py; the former judges both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Address = tuple[int, int]  # IP version, number
Prefix = tuple[int, int, int]  # IP version, number, length

BITS = {4: 32, 6: 128}
MASK = (1 << 64) - 1
MAPPED = 0xFFFF << 32


def longest(prefixes: Mapping[Prefix, int], address: Address) -> int:
    """The value of the longest prefix that an address is in; 0 for none."""
    version, number = address
    for length in range(BITS[version], -1, -1):
        free = BITS[version] - length
        value = prefixes.get((version, number >> free << free, length))
        if value is not None:
            return value
    return 0


def wire(address: Address) -> tuple[int, int]:
    """An address as the two words of a Flow."""
    version, number = address
    packed = (number if version == 6 else MAPPED | number).to_bytes(16, "big")
    return int.from_bytes(packed[:8], "little"), int.from_bytes(packed[8:], "little")


def walked(words: Any, root: int, address: Address) -> int:
    """What the words of a table, an array, say about an address."""
    version, number = address
    bits = number << (128 - BITS[version])
    word, best = int(words[root + (version == 6)]), 0
    while True:
        child, value = word >> 32, word & 0xFFFFFFFF
        place, flag = child & 0x1FFFFFFC, child & 1
        if child >> 31:
            length = child >> 24 & 31
            return (value if bits >> (128 - length) == (child & 0xFFFFFF) >> (24 - length) else best) & 0x7FFFFFFF
        best = value or best
        if not child:
            return best & 0x7FFFFFFF
        width, first = 8, bits >> 120
        if child >> 29 == 2:
            width = int(words[place + 2])
            if (bits ^ (int(words[place]) << 64 | int(words[place + 1]))) >> (128 - width):
                return best & 0x7FFFFFFF
            word = int(words[place + 3])
        elif child >> 29 == 1:
            width = 16 if flag else 8
            word = int(words[place + (bits >> (128 - width))])
        else:
            part, bit = divmod(first, 64)
            some = int(words[place + 1 + part])
            if not some >> bit & 1 and not flag:
                return best & 0x7FFFFFFF
            count = (int(words[place]) >> 8 * part & 255) + (some & ((2 << bit) - 1)).bit_count()
            word = int(words[place + 4 + count])
        bits = bits << width & ((1 << 128) - 1)
