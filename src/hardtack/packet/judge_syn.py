"""A segment with SYN: the internet wants a connection, or answers a host that wanted one."""

from __future__ import annotations

from hardtack.compiler.language import absent, inlined
from hardtack.packet.budget import reply_refused
from hardtack.packet.checksum import header_holds
from hardtack.packet.follow import behind_it, is_closed_by_host, touch
from hardtack.packet.layout import BY_HOST, HOST_SEEN
from hardtack.packet.parse import NONE
from hardtack.packet.reasons import Reason
from hardtack.packet.time import has_key
from hardtack.packet.wire import ACK, FIN, RST

NO_KEY = int(Reason.no_key)
BAD_CHECKSUM = int(Reason.bad_checksum)
SYN_FIN = int(Reason.syn_fin)
SYN_RST = int(Reason.syn_rst)
STRAY_SYN_ACK = int(Reason.stray_syn_ack)
CONNECTION = int(Reason.connection)
REOPENED = int(Reason.reopened)


@inlined
def judge_syn(frame, flow, host, moment, entry):
    """Why a SYN is not answered; NONE if it is to be. `entry`: the known connection of this name, or nothing."""
    if not header_holds(frame, flow):
        return BAD_CHECKSUM
    if flow.flags & FIN:
        return SYN_FIN
    if flow.flags & RST:
        return SYN_RST
    if flow.flags & ACK:
        return STRAY_SYN_ACK if absent(entry) else follow_answer(flow, entry, moment)
    if not has_key(host, moment):
        return NO_KEY
    refused = reply_refused(flow, host, moment.now)
    if refused != NONE:
        return refused
    # A host that has a connection asks its client whether that is over (RFC 5961 4); one that has not answers. Were it
    # answered here, the host would go on with the old connection, and client and host would talk at cross purposes.
    return NONE if absent(entry) or is_closed_by_host(entry) else REOPENED


@inlined
def follow_answer(flow, entry, moment):
    """The SYN-ACK for a host that has opened a connection: from here on its sequence numbers are known."""
    if entry.origin == BY_HOST and not entry.state & HOST_SEEN:  # of others, nobody has asked
        entry.next = behind_it(flow)
    touch(entry, moment.now)
    return CONNECTION
