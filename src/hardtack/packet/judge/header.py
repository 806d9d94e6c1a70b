"""What a TCP header says by itself, whatever is known of its connection. RFC 9293 3.1"""

from __future__ import annotations

from hardtack.compiler.language import inlined
from hardtack.packet.frame.parse import NONE, TRUNCATED, parse_tcp
from hardtack.packet.frame.wire import ACK, FIN, PSH, RST, SYN, URG
from hardtack.packet.reasons import Reason
from hardtack.packet.state.hosts import protects
from hardtack.packet.state.names import name_from_client
from hardtack.packet.state.ruling import BY_DEFAULT, PROTECTED

DEFAULT_PASS = int(Reason.default_pass)
OTHER_PORT = int(Reason.other_port)
CUT_SHORT = int(Reason.cut_short)
BAD_OFFSET = int(Reason.bad_offset)
NULL = int(Reason.null)
XMAS = int(Reason.xmas)
NO_ACK = int(Reason.no_ack)


@inlined
def judge_header(frame, flow, host, name):
    """What can be said of a segment by itself; NONE if it may be of a connection, which then is in `name`."""
    reason = parse_tcp(frame, flow)
    if reason != NONE:
        return CUT_SHORT if reason == TRUNCATED else BAD_OFFSET
    return judge_parsed(flow, host, name)


@inlined
def judge_parsed(flow, host, name):
    """The same of a header that has been read."""
    if not flow.ruling & PROTECTED and not protects(host, flow.dport):
        return OTHER_PORT
    if flow.ruling & BY_DEFAULT and not host.other:
        return DEFAULT_PASS
    name_from_client(flow, name)
    return NONE if flow.flags & (SYN | RST | ACK) else judge_flagless(flow)


@inlined
def judge_flagless(flow):
    """No SYN, RST or ACK: no stack sends that (RFC 9293 3.10.7.4: drop), but port scanners and floods do."""
    if not flow.flags & (FIN | PSH | URG):
        return NULL
    return XMAS if flow.flags & (FIN | PSH | URG) == (FIN | PSH | URG) else NO_ACK
