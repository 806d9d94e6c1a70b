"""The packet programs that exist, as things to compile."""

from __future__ import annotations

from dataclasses import replace

from hardtack.compiler.program import Source
from hardtack.packet.layout import (
    BUDGETS,
    CLOCK,
    CONNECTIONS,
    COUNTERS,
    CROWDS,
    DEVICES,
    EXITS,
    HOSTS,
    INDEX,
    KEYS,
    MARKS,
    MOMENT,
    NEXT_HOPS,
    PLACES,
    POLICY,
    SHARES,
    SWEEP,
    TAGS,
    WALK,
)

FRAGS = 32  # BPF_F_XDP_HAS_FRAGS: frames of several buffers too, so that any MTU will do

SEEN = (INDEX, HOSTS, CLOCK, MOMENT, COUNTERS, WALK, PLACES, MARKS, TAGS, CONNECTIONS)  # by whoever knows connections
JUDGED = (POLICY, KEYS, BUDGETS, SHARES, CROWDS, NEXT_HOPS, EXITS, DEVICES)  # by the front alone

FRONT = Source("front", "hardtack.packet.front:front", "xdp", SEEN + JUDGED, FRAGS)
INSIDE = Source("inside", "hardtack.packet.inside:inside", "xdp", SEEN, FRAGS)
LEAVING = Source("leaving", "hardtack.packet.inside:leaving", "tcx", SEEN)
SWEEPER = Source("sweeper", "hardtack.packet.sweep:sweep", "xdp", (PLACES, MARKS, TAGS, CONNECTIONS, SWEEP))
AGENT = Source("agent", "hardtack.packet.agent:agent", "tcx", (KEYS, CLOCK, COUNTERS, WALK))

# As native code, for engines that act on verdicts themselves: what they return is the reason
FRONT_REASON = replace(FRONT, name="front_reason", entry="hardtack.packet.front:front_reason", clock="table")
INSIDE_REASON = replace(INSIDE, name="inside_reason", entry="hardtack.packet.inside:inside_reason", clock="table")

SHIPPED = (FRONT, INSIDE, LEAVING, SWEEPER, AGENT)  # compiled into the wheel
