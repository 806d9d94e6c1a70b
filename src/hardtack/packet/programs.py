"""The packet programs that exist, as things to compile."""

from __future__ import annotations

from dataclasses import replace

from hardtack.compiler.program import Source
from hardtack.packet.layout import CLOCK, COUNTERS, HOSTS, INDEX, KEYS, MOMENT, WALK

FRAGS = 32  # BPF_F_XDP_HAS_FRAGS: frames of several buffers too, so that any MTU will do

FRONT = Source("front", "hardtack.packet.front:front", "xdp", (INDEX, HOSTS, KEYS, CLOCK, MOMENT, COUNTERS, WALK), FRAGS)

# As native code, for engines that act on verdicts themselves: what it returns is the reason
FRONT_REASON = replace(FRONT, name="front_reason", entry="hardtack.packet.front:front_reason", clock="table")

AGENT = Source("agent", "hardtack.packet.agent:agent", "tcx", (KEYS, CLOCK, COUNTERS, WALK))

SHIPPED = (FRONT, AGENT)  # compiled into the wheel
