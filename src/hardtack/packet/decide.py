"""The whole policy: what happens to a frame from the internet. RFC 9293, RFC 4987, RFC 5961."""

from __future__ import annotations

from hardtack.compiler.language import absent, inlined, new
from hardtack.packet.connections import find
from hardtack.packet.follow import follow_client, is_over
from hardtack.packet.hosts import belongs, find_host, protects
from hardtack.packet.judge_other import judge_error, judge_other
from hardtack.packet.judge_syn import judge_syn
from hardtack.packet.judge_unknown import judge_unknown
from hardtack.packet.layout import Name
from hardtack.packet.names import name_from_client
from hardtack.packet.parse import NONE, TRUNCATED, parse, parse_tcp
from hardtack.packet.reasons import Reason
from hardtack.packet.time import own_moment, update
from hardtack.packet.wire import ACK, FIN, PSH, RST, SYN, URG

NO_KEY = int(Reason.no_key)
NOT_OURS = int(Reason.not_ours)
OTHER_PORT = int(Reason.other_port)
CUT_SHORT = int(Reason.cut_short)
BAD_OFFSET = int(Reason.bad_offset)
NULL = int(Reason.null)
XMAS = int(Reason.xmas)
NO_ACK = int(Reason.no_ack)

new_name = new(Name)


@inlined
def decide(frame, flow):
    """The frame's reason, which carries its verdict; the frame is rewritten only if the verdict is REPLY."""
    reason = parse(frame, flow)
    if reason != NONE:
        return reason
    host = find_host(flow.destination_high, flow.destination_low)
    if absent(host):
        return NOT_OURS
    belongs(flow, host)
    name = new_name()
    reason = judge_header(frame, flow, host, name) if flow.kind == NONE else judge_other(frame, flow, host, name)
    if reason != NONE:
        return reason
    moment = own_moment()
    if absent(moment):
        return NO_KEY
    update(moment)
    entry = find(name)
    if flow.kind != NONE:
        return judge_error(host, entry)
    if flow.flags & SYN:
        return judge_syn(frame, flow, host, moment, entry)
    if absent(entry) or is_over(entry):
        reason = judge_unknown(frame, flow, host, moment, name, entry)
        if reason != NONE:
            return reason
    return NOT_OURS if absent(entry) else follow_client(flow, entry, name, moment.now)


@inlined
def judge_header(frame, flow, host, name):
    """What can be said of a segment by itself; NONE if it may be of a connection, which then is in `name`."""
    reason = parse_tcp(frame, flow)
    if reason != NONE:
        return CUT_SHORT if reason == TRUNCATED else BAD_OFFSET
    if not protects(host, flow.dport):
        return OTHER_PORT
    name_from_client(flow, name)
    return NONE if flow.flags & (SYN | RST | ACK) else judge_flagless(flow)


@inlined
def judge_flagless(flow):
    """No SYN, RST or ACK: no stack sends that (RFC 9293 3.10.7.4: drop), but port scanners and floods do."""
    if not flow.flags & (FIN | PSH | URG):
        return NULL
    return XMAS if flow.flags & (FIN | PSH | URG) == (FIN | PSH | URG) else NO_ACK
