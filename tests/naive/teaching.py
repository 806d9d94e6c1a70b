"""What hosts send, and what it says of their connections."""

from __future__ import annotations

from hardtack.packet.reasons import Reason
from naive import budget, half_open, proven
from naive.connections import begin, name_from_host
from naive.known import ACK, FIN, PROGRESS, RST, SYN, after, is_near, touch
from naive.moment import WORD, Moment
from naive.parse import Segment
from naive.state import BURST, START, Connection, Host, Name, Origin, State


def learn(state: State, segment: Segment, host: Host, moment: Moment) -> Reason:
    """A host's segment, from one of its protected ports."""
    name = name_from_host(segment)
    known = state.connections.get(name)
    if known is None:
        return teach(state, segment, host, moment)
    first = known.origin in (Origin.cookie, Origin.syn) and not known.host_seen
    if segment.flags & RST:
        if not segment.flags & ACK:  # it may answer somebody who has sent what it has not asked for, or what it never said
            far = known.numbered and not is_near(segment.seq, known.sent, known.ack_reach)
            if known.asked or far:
                return Reason.outbound_other
        state.forget(name)
        if known.half_open:
            proven.spare(state, name.client, known, host, moment)
        return Reason.outbound_refused if first else Reason.outbound_end
    if known.half_open and segment.flags & ACK:
        return hear(state, name, segment, host, moment, first)
    if segment.flags & SYN:  # it uses the port again, towards the same server; or answers a SYN of what it no longer had
        origin = known.origin if segment.flags & ACK else Origin.host
        known = begin(state, name, host, origin, moment)
        assert known is not None
        if not segment.flags & ACK:
            known.asked, known.sent = True, after(segment)
    touch(known, host, moment)
    if segment.flags & ACK:
        acknowledge(known, segment)
        if segment.flags & SYN and host.dry_run:
            await_client(known)
    if segment.flags & FIN:
        known.host_fin = True
    return Reason.outbound_first if first else Reason.outbound


def hear(state: State, name: Name, segment: Segment, host: Host, moment: Moment, first: bool) -> Reason:
    """A host's segment with ACK, of a half-open connection: it answers the SYN, or shows that the handshake has ended."""
    known = state.connections[name]
    touch(known, host, moment)
    if not segment.flags & SYN and half_open.is_over(known, segment):
        acknowledge(known, segment)
        half_open.establish(state, name, host, moment)
    else:
        acknowledge(known, segment)
        known.left = START
    if segment.flags & FIN:
        known.host_fin = True
    return Reason.outbound_first if first else Reason.outbound


def teach(state: State, segment: Segment, host: Host, moment: Moment) -> Reason:
    """A host's segment of a connection that was not known."""
    flags = segment.flags & (SYN | RST | ACK)
    answers = flags == SYN | ACK and host.dry_run
    if flags not in (SYN, ACK) and not answers:
        return Reason.outbound_other
    if not budget.may_teach(state, host.number, moment):
        return Reason.teach_limit
    known = begin(state, name_from_host(segment), host, Origin.host, moment)
    assert known is not None  # it displaces whom it likes
    known.sent = after(segment)
    if flags == SYN:
        known.asked = True
    else:
        known.next, known.host_seen, known.numbered = segment.ack, True, True
        known.host_fin = segment.flags & FIN != 0
    if answers:
        await_client(known)
    return Reason.taught


def await_client(known: Connection) -> None:
    """In a dry run the host answers SYNs, anybody's."""
    known.awaited, known.left = True, START


def acknowledge(known: Connection, segment: Segment) -> None:
    """The host's own numbers. Its progress, in either direction, is the client's to spend: a frame for each 64 bytes."""
    behind = after(segment)
    if known.numbered:
        progress = [(segment.ack - known.next) % WORD, (behind - known.sent) % WORD]
        known.left = min(BURST, known.left + (sum(bytes for bytes in progress if bytes < PROGRESS) >> 6))
    if known.awaited:
        known.left = BURST
    known.next = segment.ack
    ahead = (behind - known.sent) % WORD < WORD // 2
    if not known.numbered or ahead or (known.sent - behind) % WORD > PROGRESS:
        known.sent = behind
    known.host_seen = known.numbered = True
    known.awaited = known.asked = False
