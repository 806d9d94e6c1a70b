"""Each frame counts once, under its reason."""

from __future__ import annotations

from hardtack.compiler.language import absent, entry_at, inlined, u64
from hardtack.packet.layout import COUNTERS, Counters

counters_at = entry_at(COUNTERS, Counters)


@inlined
def count(reason, number):
    """One more frame with this reason for host `number` (0: none), in this CPU's counters: no shared cache line."""
    counters = counters_at(number)
    if not absent(counters):
        counters.reasons[reason & 127] += u64(1)
