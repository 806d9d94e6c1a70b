"""The packet programs that exist, as things to compile."""

from __future__ import annotations

from dataclasses import replace

from hardtack.compiler.program import Source
from hardtack.packet.burst_records import BURST
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
    EXPLAINED,
    HOSTS,
    KEYS,
    LOCALS,
    MARKS,
    MOMENT,
    NETS,
    NETWORKS,
    OUTSIDE,
    PLACES,
    POLICY,
    PORTS,
    PREFIXES,
    PROMISE,
    RECENT,
    SEARCH,
    SEEN,
    SHARES,
    SHEET,
    SWEEP,
    TAGS,
    WAITING,
    WALK,
    WANTED,
)
from hardtack.packet.proven_tables import PROVEN, PROVEN_PLACES, PROVEN_TAGS
from hardtack.packet.rule_tables import (
    PASSAGE,
    RULE_BUCKETS,
    RULE_COUNTERS,
    RULE_PROGRAMS,
    RULE_PROGRAMS_IP,
    RULE_SOURCES,
    RULES,
)
from hardtack.packet.steer_tables import BELONGING, STEERED, STEERING, XSKS
from hardtack.packet.tap_tables import TAP_PROGRAMS, TAP_PROGRAMS_IP, TAPPED, TAPS
from hardtack.packet.worker_records import NATIVE_ONLY

FRAGS = 32  # BPF_F_XDP_HAS_FRAGS: frames of several buffers too, so that any MTU will do

# By whoever knows connections; and by the front alone
TABLE = (PLACES, MARKS, TAGS, CONNECTIONS)
SOURCES = (PROVEN_PLACES, PROVEN_TAGS, PROVEN)
OURS = (NETWORKS, RECENT, NETS, HOSTS, PORTS)  # what is protected
WATCHED = (TAPS, TAPPED)  # by whoever looks at frames
KNOWN = (*TABLE, *OURS, *SOURCES, POLICY, CLOCK, MOMENT, COUNTERS, WALK, SEARCH, BUDGETS, SHARES, PREFIXES, SEEN, *WATCHED)
JUDGED = (*KNOWN, KEYS, CROWDS, ASKED_FOR, EXITS, DEVICES, OUTSIDE, SHEET, PASSAGE, WANTED)
GOES_ON, GOES_ON_IP = (RULE_PROGRAMS, TAP_PROGRAMS), (RULE_PROGRAMS_IP, TAP_PROGRAMS_IP)  # by tail calls
STEERED_BY = (OUTSIDE, SEEN, COUNTERS, WALK, TAPS, STEERING, XSKS, STEERED)
RULED = (RULES, RULE_COUNTERS, RULE_BUCKETS, RULE_SOURCES)

# `_ip`: where frames begin with IP. `_ruled`: goes on behind rule programs, with what the front has found
FRONT = Source("front", "hardtack.packet.front:front", "xdp", (*JUDGED, *GOES_ON), FRAGS)
FRONT_IP = Source("front_ip", "hardtack.packet.front:front_ip", "tcx", (*JUDGED, *GOES_ON_IP))
FRONT_RULED = Source("front_ruled", "hardtack.packet.front:front_ruled", "xdp", (*JUDGED, *RULED, *GOES_ON), FRAGS)
FRONT_IP_RULED = Source(
    "front_ip_ruled", "hardtack.packet.front:front_ip_ruled", "tcx", (*JUDGED, *RULED, *GOES_ON_IP)
)
INSIDE = Source("inside", "hardtack.packet.inside:inside", "xdp", (*KNOWN, TAP_PROGRAMS), FRAGS)
INSIDE_IP = Source("inside_ip", "hardtack.packet.inside:inside_ip", "tcx", (*KNOWN, TAP_PROGRAMS_IP))
LEAVING = Source("leaving", "hardtack.packet.inside:leaving", "tcx", (*KNOWN, OUTSIDE, TAP_PROGRAMS_IP))
SWEEPER = Source("sweeper", "hardtack.packet.sweep:sweep", "xdp", (*TABLE, SWEEP))
SEEDER = Source("seeder", "hardtack.packet.seed:seed", "xdp", (*TABLE, NETWORKS, NETS, HOSTS, PORTS))
AGENT = Source("agent", "hardtack.packet.agent:agent", "tcx", (KEYS, CLOCK, PROMISE, AGENT_COUNTERS, WALK, LOCALS, WAITING))
# What the af_xdp engine takes from the kernel, and gives back to it
STEER = Source("steer", "hardtack.packet.steer:steer", "xdp", (*TABLE, *OURS, *STEERED_BY), FRAGS)
RELAY = Source("relay", "hardtack.packet.relay:relay", "xdp", (TAPPED, TAP_PROGRAMS), FRAGS)
HANDED = Source("handed", "hardtack.packet.steer:handed", "tcx", (BELONGING,))

# As native code, for engines that act on verdicts themselves: what they return is the reason
FRONT_REASON = replace(
    FRONT_RULED,
    name="front_reason",
    entry="hardtack.packet.front:front_reason",
    tables=(*FRONT_RULED.tables, EXPLAINED),
    clock="table",
)
# A worker of the af_xdp engine: native code, whose argument is no frame but a Worker
WORKER = Source("worker", "hardtack.packet.worker.worker:worker", "xdp", (*FRONT_RULED.tables, *NATIVE_ONLY))
INSIDE_REASON = replace(INSIDE, name="inside_reason", entry="hardtack.packet.inside:inside_reason", clock="table")

BURSTS = replace(
    FRONT_RULED, name="bursts", entry="hardtack.packet.burst:bursts", tables=(*FRONT_RULED.tables, BURST), clock="table"
)

# Compiled into the wheel
OF_FRONT = (FRONT, FRONT_IP, FRONT_RULED, FRONT_IP_RULED, INSIDE, INSIDE_IP, LEAVING, SWEEPER, SEEDER)
SHIPPED = (*OF_FRONT, AGENT, STEER, RELAY, HANDED)
