"""Frames from hosts teach: what a host sends on a connection proves that it has one."""

from __future__ import annotations

from hardtack.compiler.language import absent, inlined, new
from hardtack.packet.cookie.time import own_moment, update
from hardtack.packet.frame.martians import is_mapped
from hardtack.packet.frame.parse import NONE, parse_addresses, parse_rest, parse_tcp
from hardtack.packet.frame.wire import ACK, FIN, RST, SYN
from hardtack.packet.layout import ASKED, BY_HOST, HOST_FIN
from hardtack.packet.reasons import Reason
from hardtack.packet.records import Name
from hardtack.packet.state.budget import may_teach
from hardtack.packet.state.connections import find
from hardtack.packet.state.eviction import take_place
from hardtack.packet.state.follow import begin, behind_it
from hardtack.packet.state.heard import acknowledge, await_client, follow_host
from hardtack.packet.state.hosts import find_host, host_of, protects
from hardtack.packet.state.names import name_from_host
from hardtack.packet.state.ruling import has_any_port, is_dry

NOT_OURS = int(Reason.not_ours)
TAUGHT = int(Reason.taught)
OTHER = int(Reason.outbound_other)
FORGED = int(Reason.outbound_forged)
TEACH_LIMIT = int(Reason.teach_limit)

new_name = new(Name)


@inlined
def read_host(frame, flow):
    """Why a frame is of no host's connection; NONE if it is a segment of one, whose host then is in `flow.host`."""
    reason = parse_addresses(frame, flow)
    if reason != NONE:
        return reason
    if flow.version == 6 and is_mapped(flow.source_high, flow.source_low):
        return NOT_OURS
    if not find_host(flow, flow.source_high, flow.source_low):
        return NOT_OURS
    parse_rest(frame, flow)
    if flow.kind != NONE or parse_tcp(frame, flow) != NONE or not may_matter(host_of(flow), flow.sport):
        return OTHER
    return NONE


@inlined
def may_matter(host, port):
    """Whether connections of this port may be protected."""
    return protects(host, port) or has_any_port(host)


@inlined
def learn_from(flow, host, is_forged):
    """The reason for a segment that says it is the host's. Whatever it is, it passes."""
    if is_forged:
        return FORGED
    moment = own_moment()
    if absent(moment):
        return OTHER
    update(moment)
    name = new_name()
    name_from_host(flow, name)
    entry = find(name)
    if not absent(entry):
        return follow_host(flow, entry, host, name, moment.ms)
    answers = flow.flags & (SYN | ACK) == (SYN | ACK)
    if flow.flags & RST or not flow.flags & (SYN | ACK) or (answers and not is_dry(host)):
        return OTHER
    if not may_teach(host, moment.ms):
        return TEACH_LIMIT
    entry = take_place(name, moment.ms, True)
    if absent(entry):
        return OTHER
    begin(entry, name, host.number, BY_HOST, moment.ms)
    if flow.flags & ACK:
        acknowledge(flow, entry)
        if flow.flags & FIN:
            entry.state |= HOST_FIN
        if answers:
            await_client(entry)
    else:
        entry.sent = behind_it(flow)
        entry.state = ASKED
    return TAUGHT
