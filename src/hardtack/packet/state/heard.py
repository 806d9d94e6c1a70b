"""A segment from a host, of a known connection: what it says of itself is true."""

from __future__ import annotations

from hardtack.compiler.language import i64, inlined
from hardtack.packet.frame.wire import ACK, FIN, RST, SYN
from hardtack.packet.layout import (
    ASKED,
    AWAITED,
    BURST,
    BY_COOKIE,
    BY_HOST,
    BY_SYN,
    HALF_OPEN,
    HOST_FIN,
    HOST_SEEN,
    NUMBERED,
    START,
)
from hardtack.packet.reasons import Reason
from hardtack.packet.state.connections import forget
from hardtack.packet.state.credit import earn, touch
from hardtack.packet.state.follow import BACK, LOW_32, MOST_REACH, begin_anew, behind_it, sequence
from hardtack.packet.state.half_open import establish
from hardtack.packet.state.ruling import is_dry
from hardtack.packet.state.settle import settle_by_host

OUTBOUND = int(Reason.outbound)
OUTBOUND_END = int(Reason.outbound_end)
OUTBOUND_OTHER = int(Reason.outbound_other)
OUTBOUND_FIRST = int(Reason.outbound_first)
OUTBOUND_REFUSED = int(Reason.outbound_refused)


@inlined
def follow_host(flow, entry, host, name, ms):
    """The reason."""
    first = not entry.state & HOST_SEEN and (i64(entry.origin) == BY_COOKIE or i64(entry.origin) == BY_SYN)
    if flow.flags & RST:
        return end(flow, entry, host, name, first, ms)
    half_open = entry.state & HALF_OPEN and flow.flags & ACK
    # Else it has answered a SYN itself (see `reopened`), or opens a connection by the same ports as before
    if flow.flags & SYN and not half_open:
        begin_anew(entry, ms)
        if not flow.flags & ACK:
            entry.origin = BY_HOST
            entry.sent = behind_it(flow)
            entry.state = ASKED
    touch(entry, host, ms)
    ends = half_open and goes_on(flow, entry)
    if flow.flags & ACK:
        acknowledge(flow, entry)
        if flow.flags & SYN and is_dry(host):
            await_client(entry)
    if ends:
        establish(entry)
        settle_by_host(name, host, entry, True, ms)
    elif half_open:
        entry.left = START
    if flow.flags & FIN:
        entry.state |= HOST_FIN
    return OUTBOUND_FIRST if first else OUTBOUND


@inlined
def goes_on(flow, entry):
    """Whether the host says more than it does in SYN-RECEIVED, where a stranger's segment makes it send ACKs, too.

    What it acknowledges there is what it has acknowledged before: perhaps of a SYN that was given up.
    """
    if flow.flags & SYN:
        return False
    if flow.payload > 0 or flow.flags & FIN:
        return True
    acknowledged = (flow.acknowledgment - i64(entry.next)) & LOW_32
    return entry.state & NUMBERED and 0 < acknowledged and acknowledged < 1 << MOST_REACH


@inlined
def await_client(entry):
    """In a dry run, where no cookie has proved the client: anybody's SYN makes the host answer, until it says more."""
    entry.state |= AWAITED
    entry.left = START


@inlined
def end(flow, entry, host, name, first, ms):
    """The host resets a connection. Not one that it has only asked for: a stranger's wrong ACK makes it say so, and go on.

    Nor one by a number that is far from what it has sent: so it refuses who is late for a connection before this one.
    RFC 9293 3.10.7.1, 3.10.7.3: such a RST has no ACK, and the number that it was given.
    """
    if not flow.flags & ACK and (entry.state & ASKED or not is_spoken(flow, entry)):
        return OUTBOUND_OTHER
    forget(name)
    if entry.state & HALF_OPEN:
        settle_by_host(name, host, entry, False, ms)
    return OUTBOUND_REFUSED if first else OUTBOUND_END


@inlined
def is_spoken(flow, entry):
    """Whether the host may say this number on the connection, for all that is known."""
    ack_reach = i64(1) << i64(entry.ack_reach)
    return not entry.state & NUMBERED or (sequence(flow) - i64(entry.sent) + ack_reach) & LOW_32 < 2 * ack_reach


@inlined
def acknowledge(flow, entry):
    """What the host expects, and what it has sent. It has made progress, or is heard for the first time."""
    state, following = i64(entry.state), behind_it(flow)
    sent = (following - i64(entry.sent)) & LOW_32
    if state & NUMBERED:
        earn(entry, progress((flow.acknowledgment - i64(entry.next)) & LOW_32) + progress(sent))
    if state & AWAITED:
        entry.left = BURST
    if not state & NUMBERED or sent < BACK or LOW_32 + 1 - sent > 1 << MOST_REACH:
        entry.sent = following
    entry.next = flow.acknowledgment
    entry.state = (state & ~(AWAITED | ASKED)) | HOST_SEEN | NUMBERED


@inlined
def progress(distance):
    """Bytes further; 0 if it is a leap, or back."""
    return distance if distance < 1 << MOST_REACH else 0
