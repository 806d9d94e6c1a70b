"""Each frame counts once, under its reason."""

from __future__ import annotations

from hardtack.compiler.language import absent, inlined, own_entry, u64
from hardtack.packet.layout import COUNTERS, Counters

own_counters = own_entry(COUNTERS, Counters)


@inlined
def count(reason):
    """One more frame with this reason, in this CPU's counters: no lock, no shared cache line."""
    counters = own_counters()
    if not absent(counters):
        counters.reasons[reason & 127] += u64(1)
