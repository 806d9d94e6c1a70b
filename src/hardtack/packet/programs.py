"""The packet programs that exist, as things to compile."""

from __future__ import annotations

from dataclasses import replace

from hardtack.compiler.program import Source
from hardtack.packet.layout import (
    AGENT_COUNTERS,
    ASKED_FOR,
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
    LOCALS,
    MARKS,
    MOMENT,
    NETS,
    OUTSIDE,
    PLACES,
    POLICY,
    PORTS,
    PREFIXES,
    PROMISE,
    SEARCH,
    SEEN,
    SHARES,
    SHEET,
    SWEEP,
    TAGS,
    WAITING,
    WALK,
)

FRAGS = 32  # BPF_F_XDP_HAS_FRAGS: frames of several buffers too, so that any MTU will do

# By whoever knows connections; and by the front alone
TABLE = (PLACES, MARKS, TAGS, CONNECTIONS)
OURS = (INDEX, NETS, HOSTS, PORTS)  # what is protected
KNOWN = (*TABLE, *OURS, POLICY, CLOCK, MOMENT, COUNTERS, WALK, SEARCH, BUDGETS, SHARES, PREFIXES, SEEN)
JUDGED = (KEYS, CROWDS, ASKED_FOR, EXITS, DEVICES, OUTSIDE, SHEET)

# `_ip`: where frames begin with IP
FRONT = Source("front", "hardtack.packet.front:front", "xdp", KNOWN + JUDGED, FRAGS)
FRONT_IP = Source("front_ip", "hardtack.packet.front:front_ip", "tcx", KNOWN + JUDGED)
INSIDE = Source("inside", "hardtack.packet.inside:inside", "xdp", KNOWN, FRAGS)
INSIDE_IP = Source("inside_ip", "hardtack.packet.inside:inside_ip", "tcx", KNOWN)
LEAVING = Source("leaving", "hardtack.packet.inside:leaving", "tcx", (*KNOWN, OUTSIDE))
SWEEPER = Source("sweeper", "hardtack.packet.sweep:sweep", "xdp", (*TABLE, SWEEP))
AGENT = Source("agent", "hardtack.packet.agent:agent", "tcx", (KEYS, CLOCK, PROMISE, AGENT_COUNTERS, WALK, LOCALS, WAITING))

# As native code, for engines that act on verdicts themselves: what they return is the reason
FRONT_REASON = replace(FRONT, name="front_reason", entry="hardtack.packet.front:front_reason", clock="table")
INSIDE_REASON = replace(INSIDE, name="inside_reason", entry="hardtack.packet.inside:inside_reason", clock="table")

SHIPPED = (FRONT, FRONT_IP, INSIDE, INSIDE_IP, LEAVING, SWEEPER, AGENT)  # compiled into the wheel
