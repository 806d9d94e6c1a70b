"""A SYN's answer: the SYN-ACK with its cookie, or a challenge. It costs no memory, so an attacker gets nothing for it."""

from __future__ import annotations

from hardtack.compiler.language import beyond, i64, inlined, load8, new, u64
from hardtack.packet.cookie.challenge import challenge_of
from hardtack.packet.cookie.cookie import LOW_32, sequence_of, tsval_of
from hardtack.packet.frame.parse import ip_header
from hardtack.packet.frame.platform import tail
from hardtack.packet.frame.wire import ACK, CWR, ECE, ECN_BITS, SYN, TCP
from hardtack.packet.layout import ECN_SPOKEN
from hardtack.packet.out.reply import header_length, write_reply
from hardtack.packet.reasons import Reason
from hardtack.packet.records import Answer
from hardtack.packet.state.follow import sequence

ANSWERED = int(Reason.answered)
CHALLENGED = int(Reason.challenged)
NO_ROOM = int(Reason.no_room)

new_answer = new(Answer)


@inlined
def answer_syn(frame, flow, host, moment, tag, said, challenges):
    """Turn the SYN into our SYN-ACK, with the tag over what is said in it; or into a challenge, an ACK and no more."""
    ecn = accepts_ecn(frame, flow) & (i64(host.speaks) >> ECN_SPOKEN)
    answer = new_answer()
    answer.size = TCP if challenges else header_length(flow)
    answer.mss, answer.scale = i64(host.mss_4 if flow.version == 4 else host.mss_6), i64(host.scale)
    answer.flags = ACK if challenges else SYN | ACK | (ECE if ecn else 0)
    answer.sequence = i64(tag >> u64(32)) if challenges else sequence_of(tag, said, moment.epoch)
    isn = sequence(flow)
    answer.acknowledgment = challenge_of(tag, moment.epoch, isn) if challenges else (isn + 1) & LOW_32
    answer.tsval = tsval_of(tag, moment.now, said, ecn)
    if not write_reply(frame, flow, answer):
        return NO_ROOM
    return CHALLENGED if challenges else ANSWERED


@inlined
def accepts_ecn(frame, flow):
    """1 if ECN is negotiated, by Linux's rule for cookies: RFC 3168 6.1.1, and timestamps to remember it in."""
    if flow.flags & (ECE | CWR) != (ECE | CWR) or not flow.timestamps:
        return 0
    network = ip_header(frame, flow)
    if beyond(network, 2, tail(frame)):
        return 0
    marked = load8(network, 1) if flow.version == 4 else load8(network, 1) >> 4
    return 0 if marked & ECN_BITS else 1
