"""What time it is: unix milliseconds, from a cheap clock and the offset that the control plane keeps in a table."""

from __future__ import annotations

from hardtack.compiler.language import entry_of, inlined, u64
from hardtack.packet.layout import CLOCK, Clock
from hardtack.packet.platform import coarse_ns

EPOCH_MS = 64_000  # cookie.md: an epoch is 64 s

clock = entry_of(CLOCK, Clock)


@inlined
def now_ms():
    """Unix time in ms, right to the few ms of the coarse clock."""
    return (coarse_ns() + clock().offset_ns) // u64(1_000_000)


@inlined
def epoch_of(now):
    """The epoch that a time in ms lies in."""
    return now // u64(EPOCH_MS)
