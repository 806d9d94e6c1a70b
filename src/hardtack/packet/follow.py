"""A segment of a known connection: what it changes in the table, and whether it may go on."""

from __future__ import annotations

from hardtack.compiler.language import i64, inlined, swap32, u64
from hardtack.packet.connections import forget, mark
from hardtack.packet.layout import BY_HOST, CLIENT_FIN, HOST_FIN, HOST_SEEN
from hardtack.packet.reasons import Reason
from hardtack.packet.time import stamp
from hardtack.packet.wire import ACK, FIN, RST, SYN

# How far from what the host expects a sequence number may be: as much as a receive window usually holds (tcp_rmem)
PLAUSIBLE = 1 << 23
LOW_32 = 0xFFFFFFFF

CONNECTION = int(Reason.connection)
RESET = int(Reason.reset)
RESET_ASKED = int(Reason.reset_asked)
IMPLAUSIBLE_RST = int(Reason.implausible_rst)
OUTBOUND = int(Reason.outbound)
OUTBOUND_END = int(Reason.outbound_end)


@inlined
def sequence(flow):
    """The segment's sequence number."""
    return swap32(i64(flow.ports_isn >> u64(32)))


@inlined
def behind_it(flow):
    """The sequence number that follows the segment: SYN and FIN count as one each. RFC 9293 3.4"""
    return (sequence(flow) + flow.payload + (flow.flags & 1) + ((flow.flags & SYN) >> 1)) & LOW_32


@inlined
def begin(entry, name, number, origin, now):
    """A record that was another's becomes this connection's; nothing is known of its sequence numbers yet."""
    entry.source_high, entry.source_low = name.source_high, name.source_low
    entry.destination_high, entry.destination_low = name.destination_high, name.destination_low
    entry.ports = name.ports
    entry.host = number
    entry.origin = origin
    begin_anew(entry, now)
    mark(name)


@inlined
def begin_anew(entry, now):
    """A connection of the same name follows the last one."""
    entry.next, entry.state = 0, 0
    entry.seen = entry.begun = stamp(now)


@inlined
def is_closed_by_host(entry):
    """Whether the host has sent its FIN: it may be in TIME_WAIT or gone by now, and another connection may follow."""
    return entry.state & HOST_FIN


@inlined
def follow_client(flow, entry, name, now):
    """A segment from the client, without SYN."""
    if flow.flags & RST:
        return judge_reset(flow, entry, name)
    if flow.flags & FIN:
        entry.state |= CLIENT_FIN
    advance(flow, entry)
    touch(entry, now)
    return CONNECTION


@inlined
def judge_reset(flow, entry, name):
    """RFC 5961 3.2, as the host will judge it, too; here it decides whether the connection is still known afterwards.

    Only the host's own word ends it: what segments say of themselves (see `advance`), a stranger can say, too.
    """
    distance = (sequence(flow) - i64(entry.next)) & LOW_32
    if distance == 0 and entry.state & HOST_SEEN:
        forget(name)
        return RESET
    return RESET_ASKED if distance < PLAUSIBLE else IMPLAUSIBLE_RST


@inlined
def advance(flow, entry):
    """Keep up with the client, as long as the host itself has not told what it expects. No leaps: anybody may send this."""
    if entry.state & HOST_SEEN:
        return
    following = behind_it(flow)
    distance = (following - i64(entry.next)) & LOW_32
    if 0 < distance and distance < PLAUSIBLE:
        entry.next = following


@inlined
def touch(entry, now):
    """It is in use. Written only if that is news: a cache line that stays clean need not be written back."""
    moment = stamp(now)
    if i64(entry.seen) != moment:
        entry.seen = moment


@inlined
def follow_host(flow, entry, name, now):
    """A segment from the host: what it says of itself is true."""
    if flow.flags & RST:
        forget(name)
        return OUTBOUND_END
    if flow.flags & SYN:  # it has answered one itself (see `reopened`), or opens a connection by the same ports as before
        begin_anew(entry, now)
        if not flow.flags & ACK:
            entry.origin = BY_HOST
    if flow.flags & ACK:
        entry.next = flow.acknowledgment
        entry.state |= HOST_SEEN
    if flow.flags & FIN:
        entry.state |= HOST_FIN
    touch(entry, now)
    return OUTBOUND
