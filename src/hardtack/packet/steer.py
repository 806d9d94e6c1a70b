"""Which frames go up to the af_xdp engine, and which the kernel has as ever. At XDP on each uplink, before everything else.

What is not for a protected host passes. Of the rest, segments of TCP for protected ports go up, to the socket of the queue
that they came in by. What the engine would only have to hand back to the kernel does not go up in the first place: the
front's program judges it here, over the same tables. That is what is not TCP, other ports, hosts with rules, frames of
several buffers; and where a host is reached by way of the kernel, segments of its known connections, from the host's first
answer on. Until then they go up, too: they must not overtake the ACK that has opened the connection.

handed() takes back what has gone up, and is for the kernel all the same: the first ACK of such a connection.
"""

from __future__ import annotations

from hardtack.compiler.language import Pointer, absent, distance, entry_of, external, i64, inlined, new, u64
from hardtack.packet.decide import find_destination, forget_cases, forget_ends
from hardtack.packet.frame.link import came_by
from hardtack.packet.frame.parse import NONE, parse_addresses, parse_rest
from hardtack.packet.frame.platform import head, queue_of, tail
from hardtack.packet.host.again import INGRESS, redirect
from hardtack.packet.judge.header import judge_header
from hardtack.packet.layout import HOST_SEEN, KERNEL, NO_HOST
from hardtack.packet.out.tap import taps
from hardtack.packet.reasons import Reason
from hardtack.packet.records import Flow, Name
from hardtack.packet.state.connections import find
from hardtack.packet.state.count import count
from hardtack.packet.state.hosts import host_of
from hardtack.packet.state.seen import seen_by_front
from hardtack.packet.steer_tables import (
    BELONGING,
    FRONT_PLACE,
    HELD,
    JUDGED,
    MOST_QUEUES,
    QUEUE_BITS,
    STEERING,
    Belonging,
    Steering,
)

DROP, PASS = 1, 2  # enum xdp_action
NOBODY_THERE = int(Reason.held)

new_flow, new_name = new(Flow), new(Name)
steering = entry_of(STEERING, Steering)
belonging = entry_of(BELONGING, Belonging)
# Whether there is a socket at a place; and: the frame goes to it, or, if it has just gone, to what `otherwise` says
has_socket = external("xsks.has", i64, i64)
send_up = external("xsks.send", i64, i64, i64)
judge_here = external("steered.go", i64, Pointer, i64)


def steer(frame):
    """struct xdp_md -> enum xdp_action."""
    flow, name = new_flow(), new_name()
    flow.host, flow.ruling = NO_HOST, 0
    flow.uplink = came_by(frame)
    seen_by_front(flow.uplink)
    reason = parse_addresses(frame, flow)
    if reason != NONE:
        forget_ends(flow)
    else:
        reason = find_destination(flow)
    if reason != NONE:
        if taps().on:
            return by_front(frame)  # which shows it
        count(reason, flow.host, flow.size)
        return PASS
    parse_rest(frame, flow)
    forget_cases(flow)
    if not may_go_up(frame, flow, name):
        return by_front(frame)
    queue = queue_of(frame)
    up = queue < MOST_QUEUES and has_socket(flow.uplink << QUEUE_BITS | (queue & (MOST_QUEUES - 1)))
    if up and host_of(flow).via != KERNEL:
        return send_up(flow.uplink << QUEUE_BITS | (queue & (MOST_QUEUES - 1)), DROP)
    entry = find(name)
    if not up:
        return without_engine(frame, flow, not absent(entry))
    if not absent(entry) and entry.state & HOST_SEEN:
        return by_front(frame)
    return send_up(flow.uplink << QUEUE_BITS | (queue & (MOST_QUEUES - 1)), DROP)


@inlined
def may_go_up(frame, flow, name):
    """Whether the engine can judge it: whole TCP, in one buffer, for a protected port of a host without rules."""
    if flow.kind != NONE or flow.size > distance(head(frame), tail(frame)):
        return False
    host = host_of(flow)
    return host.rules == u64(0) and judge_header(frame, flow, host, name) == NONE


@inlined
def without_engine(frame, flow, known):
    """What becomes of a segment for a protected port if nobody takes it."""
    when_down = steering().when_down
    if when_down == u64(JUDGED):
        return by_front(frame)
    if when_down != u64(HELD) or known:
        return PASS
    count(NOBODY_THERE, flow.host, flow.size)
    return DROP


@inlined
def by_front(frame):
    """On in the front's program, which returns in our place; without it the frame passes."""
    judge_here(frame, FRONT_PLACE)
    return PASS


def handed(frame):
    """struct __sk_buff -> enum tcx_action_base, at ingress of a TAP device: the frame comes in by the interface it is of."""
    return redirect(i64(belonging().interface), u64(INGRESS))
