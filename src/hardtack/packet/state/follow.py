"""A segment of a known connection: whether it may go on, and what it changes in the table."""

from __future__ import annotations

from hardtack.compiler.language import i64, inlined, swap32, u64
from hardtack.packet.cookie.time import stamp
from hardtack.packet.frame.wire import ACK, FIN, RST, SYN
from hardtack.packet.layout import (
    AHEAD,
    ASKED,
    BURST,
    BY_HOST,
    BY_SEED,
    CLIENT_FIN,
    FIN_ACKED,
    HOST_FIN,
    HOST_SEEN,
    NUMBERED,
)
from hardtack.packet.reasons import Reason
from hardtack.packet.state.connections import forget, mark
from hardtack.packet.state.credit import afford, allowance, doubt, doubt_window

# How far from what the host expects an RST may be, and a client be followed: a usual receive window (tcp_rmem)
WINDOW = 1 << 23
TIME_WAIT = 1 << 16  # ms: Linux's minute (TCP_TIMEWAIT_LEN) and some more
MOST_REACH = 26  # 64 MB: of windows whose scale is not known
OF_A_SYN = 1 << 14  # bytes that a SYN may carry and be acknowledged for: RFC 7413
BACK = 1 << 31  # modulo 2^32: more is behind
LOW_16, LOW_32 = 0xFFFF, 0xFFFFFFFF

CONNECTION = int(Reason.connection)
FRAME_LIMIT = int(Reason.frame_limit)
RESET = int(Reason.reset)
RESET_ASKED = int(Reason.reset_asked)
IMPLAUSIBLE_RST = int(Reason.implausible_rst)


@inlined
def sequence(flow):
    """The segment's sequence number."""
    return swap32(i64(flow.ports_isn >> u64(32)))


@inlined
def behind_it(flow):
    """The sequence number that follows the segment: SYN and FIN count as one each. RFC 9293 3.4"""
    return (sequence(flow) + flow.payload + (flow.flags & 1) + ((flow.flags & SYN) >> 1)) & LOW_32


@inlined
def begin(entry, name, number, origin, ms):
    """A record that was another's becomes this connection's; nothing is known of its sequence numbers yet."""
    entry.source_high, entry.source_low = name.source_high, name.source_low
    entry.destination_high, entry.destination_low = name.destination_high, name.destination_low
    entry.ports = name.ports
    entry.host = number
    entry.origin = origin
    begin_anew(entry, ms)
    mark(name)


@inlined
def begin_anew(entry, ms):
    """A connection of the same name follows the last one."""
    entry.next, entry.sent, entry.state = 0, 0, 0
    entry.seen = entry.begun = stamp(ms)
    entry.left, entry.charged = BURST, 0
    entry.doubted = (doubt_window(ms) - 1) & LOW_16
    entry.reach = entry.ack_reach = MOST_REACH


@inlined
def is_closed_by_host(entry):
    """Whether the host has sent its FIN: it may be in TIME_WAIT or gone by now, and another connection may follow."""
    return entry.state & HOST_FIN


@inlined
def is_ended(entry):
    """Whether the host knows that its FIN has arrived: it is in FIN-WAIT-2 or TIME-WAIT, or gone. RFC 9293 3.6"""
    return entry.state & FIN_ACKED


@inlined
def makes_way(flow, entry, ms):
    """Whether an ended connection gives way to this SYN whatever its host has still: RFC 1122 4.2.2.13.

    If its number comes after all that the host has received, its agent will find so, too; Linux would refuse it in
    FIN-WAIT-2 if it is in the window. Any other may be of another device behind the same NAT: TIME-WAIT asks it back, or
    finds that its timestamp is later (RFC 6191).
    """
    ahead = (sequence(flow) - i64(entry.next)) & LOW_32
    if 0 < ahead and ahead < BACK:
        return True
    silent = (stamp(ms) - i64(entry.seen) + AHEAD) & LOW_32  # another CPU may be a little ahead
    return entry.state & CLIENT_FIN and silent > TIME_WAIT + AHEAD


@inlined
def follow_client(flow, entry, host, name, ms):
    """A segment from the client, without SYN."""
    if flow.flags & RST:
        return judge_reset(flow, entry, name, ms)
    state = i64(entry.state)
    if state & ASKED or (state & NUMBERED and not fits(flow, entry)):
        return doubt(entry, name, ms)
    if not afford(entry, host, ms):
        return FRAME_LIMIT
    if flow.flags & FIN:
        entry.state |= CLIENT_FIN
    if state & HOST_FIN and flow.acknowledgment == i64(entry.sent):
        entry.state |= FIN_ACKED
    if not state & NUMBERED:
        advance(flow, entry)
    return CONNECTION


@inlined
def fits(flow, entry):
    """Whether the host can expect a segment with these numbers. RFC 9293 3.10.7.4, RFC 5961 5

    As far as windows reach, ahead and back: older segments are retransmissions, which the host must see to acknowledge them.
    """
    reach, ack_reach = i64(1) << i64(entry.reach), i64(1) << i64(entry.ack_reach)
    ahead = (sequence(flow) - i64(entry.next) + reach) & LOW_32
    acknowledged = (flow.acknowledgment - i64(entry.sent) + ack_reach) & LOW_32
    return ahead < 2 * reach and acknowledged < 2 * ack_reach


@inlined
def is_certain(flow, entry):
    """Whether a segment is this connection's for all that is known: the host's own numbers are, and it fits.

    Once its client has acknowledged the host's FIN, there is nothing else that it could acknowledge. A client that comes
    back by its port has numbers near the old ones (RFC 6528), and its cookie would now and then be taken for one of them.
    """
    if entry.state & FIN_ACKED and flow.acknowledgment != i64(entry.sent):
        return False
    return entry.state & NUMBERED and fits(flow, entry)


@inlined
def answers(flow, entry):
    """Whether it acknowledges the SYN that the host has sent. RFC 9293 3.10.7.3"""
    return (i64(entry.sent) - flow.acknowledgment) & LOW_32 < OF_A_SYN


@inlined
def judge_reset(flow, entry, name, ms):
    """RFC 5961 3.2, as the host will judge it, too; here it decides whether the connection is still known afterwards.

    Only the host's own word ends it: what segments say of themselves (see `advance`), a stranger can say, too.
    """
    if entry.state & ASKED:
        plausible = flow.flags & ACK and answers(flow, entry)
    else:
        distance = (sequence(flow) - i64(entry.next)) & LOW_32
        if distance == 0 and entry.state & HOST_SEEN:
            forget(name)
            return RESET
        plausible = distance < WINDOW or is_blank(entry)
    return RESET_ASKED if plausible and allowance(entry, name, ms) else IMPLAUSIBLE_RST


@inlined
def advance(flow, entry):
    """Keep up with the client, where the host has not told what it expects. No leaps: anybody may send this."""
    following = behind_it(flow)
    distance = (following - i64(entry.next)) & LOW_32
    if 0 < distance and (distance < WINDOW or is_blank(entry)):
        entry.next = following


@inlined
def is_blank(entry):
    """Whether it was seeded, and nothing has been seen of it yet: then its numbers are whatever comes first."""
    return (i64(entry.origin) ^ BY_SEED) | i64(entry.next) == 0  # in one, for the verifier


@inlined
def follow_answer(flow, entry, host, name, ms):
    """The SYN-ACK for a host that has opened a connection: from here on its sequence numbers are known."""
    state = i64(entry.state)
    if state & ASKED:
        if not answers(flow, entry):
            return doubt(entry, name, ms)
        entry.state = state & ~ASKED
    elif state & NUMBERED and not fits(flow, entry):
        return doubt(entry, name, ms)
    if not afford(entry, host, ms):
        return FRAME_LIMIT
    if i64(entry.origin) == BY_HOST and not state & HOST_SEEN:  # of others, nobody has asked
        entry.next = behind_it(flow)
    return CONNECTION
