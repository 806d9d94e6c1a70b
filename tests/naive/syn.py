"""A segment with SYN: answered with a cookie or a challenge, sent on to its host, or of a known connection."""

from __future__ import annotations

from hardtack.packet.reasons import Reason
from naive import budget, checksum, cookie, half_open, known, prefixes, proven
from naive.connections import name_of
from naive.handshakes import handshake_of
from naive.moment import Moment
from naive.parse import Segment
from naive.reply import challenge, reply
from naive.state import Connection, Handshake, Host, State

FIN, RST, ACK = 0x01, 0x04, 0x10


def judge(
    state: State, frame: bytes, segment: Segment, host: Host, entry: Connection | None, moment: Moment
) -> tuple[Reason, bytes]:
    """Why what becomes of it, and its answer if it has one."""
    # The TCP checksum is not looked at: the client's own ACK proves that what it sent arrived.
    if segment.packet.version == 4 and not checksum.holds(segment.packet.header):
        return Reason.bad_checksum, frame
    if segment.flags & FIN:
        return Reason.syn_fin, frame
    if segment.flags & RST:
        return Reason.syn_rst, frame
    name = name_of(segment)
    if segment.flags & ACK:
        return Reason.stray_syn_ack if entry is None else known.synchronize(state, name, segment, host, moment), frame
    handshake = handshake_of(state, host, name, moment)
    if handshake != Handshake.passing and cookie.epoch(moment.now_ms) not in state.keys[host.keys]:
        return Reason.no_key, frame
    if entry is not None and not (entry.fin_acked and known.makes_way(entry, segment, moment)):
        if known.has_allowance(state, name, moment):
            half_open.reopen(entry, segment)
            return Reason.reopened, frame
        if not entry.fin_acked:  # else in FIN-WAIT-2 or TIME-WAIT: RFC 9293 3.6
            return Reason.implausible, frame
    if segment.link[:6] not in state.macs:
        return Reason.not_for_us, frame
    if host.dry_run:
        return judge_dry(state, host, handshake, moment), frame
    return judge_new(state, frame, segment, host, handshake, moment)


def judge_dry(state: State, host: Host, handshake: Handshake, moment: Moment) -> Reason:
    """Nobody is answered, nothing is remembered, and no budget but the host's own is touched."""
    if handshake == Handshake.passing:
        return Reason.opened
    if not budget.may_be_answered(state, host, moment):
        return Reason.host_limit
    return Reason.challenged if handshake == Handshake.challenge else Reason.answered


def judge_new(
    state: State, frame: bytes, segment: Segment, host: Host, handshake: Handshake, moment: Moment
) -> tuple[Reason, bytes]:
    """A SYN that asks for a connection."""
    name = name_of(segment)
    budget.turn_everybody(state, moment)
    if handshake == Handshake.passing:
        return half_open.judge(state, name, segment, host, moment), frame
    if handshake == Handshake.challenge:
        source = proven.find(state, name.client, host, moment)
        if source is not None:
            return half_open.judge(state, name, segment, host, moment, source), frame
    refusal = budget.refuses(state, segment, host, moment)
    if refusal is not None:
        return refusal, frame
    prefixes.ask(state, name, moment)
    key = state.keys[host.keys][cookie.epoch(moment.now_ms)]
    if handshake == Handshake.challenge:
        return Reason.challenged, challenge(frame, segment, key, moment.now_ms)
    return Reason.answered, reply(frame, segment, host, key, moment.now_ms)
