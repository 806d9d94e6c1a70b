"""Each frame counts once, under its reason, and so do its bytes."""

from __future__ import annotations

from hardtack.compiler.language import absent, entry_at, inlined, u64
from hardtack.packet.layout import AGENT_COUNTERS, COUNTERS, AgentCounters, Counters
from hardtack.packet.reasons import FRONT_REASONS, REASONS

counters_at = entry_at(COUNTERS, Counters)
agent_counters_at = entry_at(AGENT_COUNTERS, AgentCounters)


@inlined
def count(reason, number, size):
    """One more frame of `size` bytes with this reason, for host `number` (0: none): in this CPU's, no shared cache line."""
    counters, place = counters_at(number), (reason & (FRONT_REASONS - 1)) * 2
    if not absent(counters):
        counters.tallies[place] += u64(1)
        counters.tallies[place + 1] += u64(size)


@inlined
def count_at_agent(reason, size):
    """The same, of the agent's program."""
    counters, place = agent_counters_at(0), (reason & (REASONS - 1)) * 2
    if not absent(counters):
        counters.tallies[place] += u64(1)
        counters.tallies[place + 1] += u64(size)
