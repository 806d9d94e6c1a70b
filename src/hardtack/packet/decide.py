"""The whole policy: what happens to a frame from the internet. RFC 9293, RFC 4987."""

from __future__ import annotations

from hardtack.compiler.language import absent, inlined
from hardtack.packet.answer import answer_syn
from hardtack.packet.checksum import header_holds
from hardtack.packet.hosts import find_host, protects
from hardtack.packet.parse import NONE, parse
from hardtack.packet.reasons import Reason
from hardtack.packet.wire import ACK, FIN, RST, SYN

NOT_OURS = int(Reason.not_ours)
OTHER_PORT = int(Reason.other_port)
NOT_SYN = int(Reason.not_syn)
BAD_CHECKSUM = int(Reason.bad_checksum)
SYN_FIN = int(Reason.syn_fin)
SYN_RST = int(Reason.syn_rst)


@inlined
def decide(frame, flow):
    """The frame's reason, which carries its verdict; the frame is rewritten only if the verdict is REPLY."""
    reason = parse(frame, flow)
    if reason != NONE:
        return reason
    host = find_host(flow)
    if absent(host):
        return NOT_OURS
    if not protects(host, flow.dport):
        return OTHER_PORT
    control = flow.flags & (SYN | FIN | RST | ACK)
    if not control & SYN:
        return NOT_SYN
    if not header_holds(frame, flow):
        return BAD_CHECKSUM
    if control != SYN:
        return SYN_FIN if control & FIN else SYN_RST if control & RST else NOT_SYN
    # The TCP checksum of a SYN is not verified: who sent a damaged one will not bring the cookie back.
    return answer_syn(frame, flow, host)
