"""A segment with SYN: the internet wants a connection, or answers a host that wanted one."""

from __future__ import annotations

from hardtack.compiler.language import absent, i64, inlined, u64
from hardtack.packet.cookie.time import has_key, window_of
from hardtack.packet.frame.checksum import header_holds
from hardtack.packet.frame.link import is_for_us
from hardtack.packet.frame.parse import NONE
from hardtack.packet.frame.wire import ACK, FIN, RST
from hardtack.packet.judge.outcome import OPEN, OPEN_CHARGED
from hardtack.packet.layout import CHALLENGE, EVERYBODY, HALF_OPEN, NUMBERED, PASSING
from hardtack.packet.reasons import Reason
from hardtack.packet.state.budget import may_have_one, policy, share_at
from hardtack.packet.state.credit import allowance
from hardtack.packet.state.follow import LOW_32, follow_answer, is_ended, makes_way, sequence
from hardtack.packet.state.hosts import handshake_of
from hardtack.packet.state.passing import pass_refused
from hardtack.packet.state.proven import (
    allowance_of,
    charge,
    find_source,
    is_fresh,
    may_pass,
    no_source,
    period_of,
    turn_source,
    waits,
)
from hardtack.packet.state.replies import reply_refused, turn_everybody
from hardtack.packet.state.ruling import DRY

HOST_LIMIT = int(Reason.host_limit)
NO_KEY = int(Reason.no_key)
NOT_FOR_US = int(Reason.not_for_us)
BAD_CHECKSUM = int(Reason.bad_checksum)
SYN_FIN = int(Reason.syn_fin)
SYN_RST = int(Reason.syn_rst)
STRAY_SYN_ACK = int(Reason.stray_syn_ack)
REOPENED = int(Reason.reopened)
IMPLAUSIBLE = int(Reason.implausible)
OPENED = int(Reason.opened)
SOURCE_LIMIT = int(Reason.source_limit)
SOURCE_WAITS = int(Reason.source_waits)


@inlined
def judge_syn(frame, flow, host, name, moment, entry):
    """Why a SYN is not answered; NONE if it is to be, OPEN if it goes on to its host, which will answer it.

    `entry`: the known connection of this name, or nothing.
    """
    if not header_holds(frame, flow):
        return BAD_CHECKSUM
    if flow.flags & FIN:
        return SYN_FIN
    if flow.flags & RST:
        return SYN_RST
    if flow.flags & ACK:
        return STRAY_SYN_ACK if absent(entry) else follow_answer(flow, entry, host, name, moment.ms)
    handshake = handshake_of(host, name, moment)
    if handshake != PASSING and not has_key(host, moment):
        return NO_KEY
    # A host that has a connection asks its client whether that is over (RFC 5961 4); one that has not answers. Were it
    # answered here, the host would go on with the old connection, and client and host would talk at cross purposes.
    # One that both ends have done with is another matter: the cookie's ACK ends what is left, or its sender is reset.
    if not absent(entry) and not (is_ended(entry) and makes_way(flow, entry, moment.ms)):
        if allowance(entry, name, moment.ms):
            if entry.state & (HALF_OPEN | NUMBERED) == HALF_OPEN:  # the host may have heard of none before
                entry.next = (sequence(flow) + 1) & LOW_32
            return REOPENED
        if not is_ended(entry):
            return IMPLAUSIBLE
    if not is_for_us(frame, flow):
        return NOT_FOR_US
    if flow.ruling & DRY:  # what others may have answered does not become less, and their budgets are not what it meets
        if handshake == PASSING:
            return OPENED
        return NONE if may_have_one(i64(host.number), u64(host.replies), moment.ms) else HOST_LIMIT
    return judge_new_syn(flow, host, name, moment.ms, handshake)


@inlined
def judge_new_syn(flow, host, name, ms, handshake):
    """The same of a SYN for a connection that nobody has, or needs any more."""
    everybody = share_at(EVERYBODY)
    if not absent(everybody) and everybody.window != window_of(ms):
        turn_everybody(everybody, window_of(ms), policy().replies)
    source, outcome = no_source(), OPEN if handshake == PASSING else NONE
    if handshake == CHALLENGE:
        source = find_source(flow.source_high, flow.source_low)
        outcome = judge_source_of(source, host, period_of(ms))
    if outcome == NONE:
        return reply_refused(flow, host, name, ms)
    if outcome >= 0:
        return outcome
    refused = pass_refused(flow, host, ms)
    if refused != NONE:
        return refused
    if outcome == OPEN_CHARGED and not absent(source):
        charge(source)
    return outcome


@inlined
def judge_source_of(source, host, period):
    """OPEN_CHARGED if it is proven and may have one more; NONE if it is not proven; else the reason."""
    if absent(source):
        return NONE
    if waits(source, period):
        return SOURCE_WAITS
    if not is_fresh(source, period):
        return NONE
    turn_source(source, host, period)
    if allowance_of(source) == 0:
        return SOURCE_WAITS if waits(source, period) else NONE
    return OPEN_CHARGED if may_pass(source) else SOURCE_LIMIT
