"""Frames from hosts teach: what a host sends on a connection proves that it has one."""

from __future__ import annotations

from hardtack.compiler.language import absent, inlined, new
from hardtack.packet.connections import find, take_place
from hardtack.packet.follow import begin, follow_host
from hardtack.packet.hosts import find_host, host_at, protects
from hardtack.packet.layout import BY_HOST, HOST_FIN, HOST_SEEN, NO_HOST, Name
from hardtack.packet.names import name_from_host
from hardtack.packet.parse import NONE, parse, parse_tcp
from hardtack.packet.reasons import Reason
from hardtack.packet.time import own_moment, stamp, update
from hardtack.packet.wire import ACK, FIN, RST, SYN

NOT_OURS = int(Reason.not_ours)
TAUGHT = int(Reason.taught)
OTHER = int(Reason.outbound_other)

new_name = new(Name)


@inlined
def learn(frame, flow):
    """The reason for a frame that comes from the hosts' side. Whatever it is, it passes."""
    reason = parse(frame, flow)
    if reason != NONE:
        return reason
    flow.place = find_host(flow.source_high, flow.source_low)
    return NOT_OURS if flow.place == NO_HOST else learn_from(frame, flow, host_at(flow.place))


@inlined
def learn_from(frame, flow, host):
    """The same, once the frame's host is known."""
    if flow.kind != NONE or parse_tcp(frame, flow) != NONE or not protects(host, flow.sport):
        return OTHER
    moment = own_moment()
    if absent(moment):
        return OTHER
    update(moment)
    name = new_name()
    name_from_host(flow, name)
    entry = find(name)
    if not absent(entry):
        return follow_host(flow, entry, name, moment.now)
    if flow.flags & RST or flow.flags & (SYN | ACK) == (SYN | ACK) or not flow.flags & (SYN | ACK):
        return OTHER
    entry = take_place(name, stamp(moment.now))
    if absent(entry):
        return OTHER
    begin(entry, name, host.number, BY_HOST, moment.now)
    if flow.flags & ACK:
        entry.next = flow.acknowledgment
        entry.state = HOST_SEEN | (HOST_FIN if flow.flags & FIN else 0)
    return TAUGHT
