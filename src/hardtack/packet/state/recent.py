"""Destinations that this CPU has looked up of late. Most frames are for a few, and to walk a tree takes ten times as long.

What is remembered holds until a tree changes: then the table of trees is of another generation.
"""

from __future__ import annotations

from hardtack.compiler.language import absent, address, at, i64, inlined, nothing_of, own_entry, u64, viewed
from hardtack.packet.layout import RECENT, RECENT_CELLS, Destination, Recent

# 2^64 by the golden ratio (Knuth, The Art of Computer Programming, 6.4): neighbours do not meet in a cell. Others can be
# made to; then each frame costs the walk.
FACTOR = 0x9E3779B97F4A7C15
CELL_SHIFT = 64 - RECENT_CELLS.bit_length() + 1
CELL_SIZE = Destination.itemsize

own_recent = own_entry(RECENT, Recent)
destination_at = viewed(Destination)
no_destination = nothing_of(Destination)


@inlined
def cell_of(high, low):
    """Where an address would be (two words, as in Flow). There always is one, but the verifier wants it tested."""
    own, place = own_recent(), i64(((high ^ low) * u64(FACTOR)) >> u64(CELL_SHIFT))
    return no_destination() if absent(own) else destination_at(at(address(own), place * CELL_SIZE))
