"""A segment with SYN: the internet wants a connection, or answers a host that wanted one."""

from __future__ import annotations

from hardtack.compiler.language import absent, i64, inlined, u64
from hardtack.packet.cookie.time import has_key
from hardtack.packet.frame.checksum import header_holds
from hardtack.packet.frame.link import is_for_us
from hardtack.packet.frame.parse import NONE
from hardtack.packet.frame.wire import ACK, FIN, RST
from hardtack.packet.reasons import Reason
from hardtack.packet.state.budget import may_have_one
from hardtack.packet.state.credit import allowance
from hardtack.packet.state.follow import follow_answer, is_ended, makes_way
from hardtack.packet.state.replies import reply_refused
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


@inlined
def judge_syn(frame, flow, host, name, moment, entry):
    """Why a SYN is not answered; NONE if it is to be. `entry`: the known connection of this name, or nothing."""
    if not header_holds(frame, flow):
        return BAD_CHECKSUM
    if flow.flags & FIN:
        return SYN_FIN
    if flow.flags & RST:
        return SYN_RST
    if flow.flags & ACK:
        return STRAY_SYN_ACK if absent(entry) else follow_answer(flow, entry, host, name, moment.ms)
    if not has_key(host, moment):
        return NO_KEY
    # A host that has a connection asks its client whether that is over (RFC 5961 4); one that has not answers. Were it
    # answered here, the host would go on with the old connection, and client and host would talk at cross purposes.
    # One that both ends have done with is another matter: the cookie's ACK ends what is left, or its sender is reset.
    if not absent(entry) and not (is_ended(entry) and makes_way(flow, entry, moment.ms)):
        if allowance(entry, name, moment.ms):
            return REOPENED
        if not is_ended(entry):
            return IMPLAUSIBLE
    if not is_for_us(frame, flow):
        return NOT_FOR_US
    if flow.ruling & DRY:  # what others may have answered does not become less, and their budgets are not what it meets
        return NONE if may_have_one(i64(host.number), u64(host.replies), moment.ms) else HOST_LIMIT
    return reply_refused(flow, host, name, moment.ms)
