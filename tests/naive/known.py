"""What a client's segment of a known connection may do: as far as its numbers are plausible and its frames last.

RFC 9293 3.10.7.4 and RFC 5961 say what a host takes; what the front does not know of it, it allows for generously.
"""

from __future__ import annotations

from hardtack.packet.reasons import Reason
from naive import prefixes
from naive.moment import SHORT, WORD, Moment
from naive.parse import Segment
from naive.state import BURST, START, Connection, Host, Name, Origin, State

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10
WINDOW = 1 << 23  # bytes: about as much as a receive window may hold
FAST_OPEN = 1 << 14  # data in a SYN, more than which nobody sends
PROGRESS = 1 << 26  # bytes: more at once is none
AHEAD = 60_000  # ms by which another CPU's clock may be ahead of ours
DOUBT_AHEAD = 16  # windows, likewise
WAITING = 1 << 16  # ms for which a host may be in TIME-WAIT


def after(segment: Segment) -> int:
    """The sequence number behind all that a segment brings: RFC 9293 3.4."""
    return (segment.seq + segment.payload + (segment.flags & FIN) + (segment.flags & SYN) // SYN) % WORD


def is_certain(known: Connection, segment: Segment) -> bool:
    """Whether it can be of no other connection. Behind its acknowledged FIN the host sends nothing more."""
    if known.fin_acked and segment.ack != known.sent:
        return False
    return known.numbered and is_plausible(known, segment)


def makes_way(known: Connection, segment: Segment, moment: Moment) -> bool:
    """Whether the host need not be asked about the SYN that follows an ended connection."""
    if 0 < (segment.seq - known.next) % WORD < WORD // 2:
        return True
    silent = (moment.stamp - known.seen) % WORD
    return known.client_fin and WAITING < silent < WORD - AHEAD


def is_plausible(known: Connection, segment: Segment) -> bool:
    """Whether the host can expect these numbers, as far as we know what it expects."""
    if not known.numbered:
        return True
    return is_near(segment.seq, known.next, known.reach) and is_near(segment.ack, known.sent, known.ack_reach)


def is_near(number: int, expected: int, reach: int) -> bool:
    """Whether it is less than 2^reach ahead, or at most that much behind."""
    return (number - expected + (1 << reach)) % WORD < 2 << reach


def answers_syn(known: Connection, segment: Segment) -> bool:
    """Whether it acknowledges the host's SYN, or some of the data that may have been in it."""
    return (known.sent - segment.ack) % WORD < FAST_OPEN


def is_blank(known: Connection) -> bool:
    """Whether it is known by addresses and ports only."""
    return known.origin is Origin.seed and known.next == 0


def has_allowance(state: State, name: Name, moment: Moment) -> bool:
    """One segment that may be wrong is let through in each window, for the host to judge; not too many of a prefix."""
    known = state.connections[name]
    if (known.doubted - moment.doubts) % SHORT < DOUBT_AHEAD:
        return False
    known.doubted = moment.doubts
    return prefixes.may_doubt(state, prefixes.network_of(name), moment)


def doubt(state: State, name: Name, moment: Moment) -> Reason:
    """A segment that the host cannot expect, as far as we know."""
    return Reason.doubtful if has_allowance(state, name, moment) else Reason.implausible


def touch(known: Connection, host: Host, moment: Moment) -> None:
    """It is in use: in the time that has passed, it has earned some frames."""
    elapsed = (moment.stamp - known.seen) % WORD
    if elapsed == 0 or elapsed > WORD - AHEAD:
        return
    known.seen = moment.stamp
    if known.awaited or known.half_open:
        known.left = min(START, known.left + (elapsed >> 4))
    else:
        known.left = min(BURST, known.left + min(elapsed, BURST) * host.frames)


def affords(known: Connection, host: Host, moment: Moment) -> bool:
    """Whether it may send one more frame, which then is paid for."""
    touch(known, host, moment)
    if known.left == 0:
        return False
    known.left -= 1
    return True


def follow(state: State, name: Name, segment: Segment, host: Host, moment: Moment) -> Reason:
    """A client's segment without SYN and RST."""
    known = state.connections[name]
    if known.asked or not is_plausible(known, segment):
        return doubt(state, name, moment)
    if not affords(known, host, moment):
        return Reason.frame_limit
    if segment.flags & FIN:
        known.client_fin = True
    if known.host_fin and segment.ack == known.sent:
        known.fin_acked = True
    ahead = (after(segment) - known.next) % WORD
    if not known.numbered and ahead and (ahead < WINDOW or is_blank(known)):
        known.next = after(segment)
    return Reason.connection


def synchronize(state: State, name: Name, segment: Segment, host: Host, moment: Moment) -> Reason:
    """A client's SYN-ACK: the other side of a connection that the host has opened."""
    known = state.connections[name]
    fits = answers_syn(known, segment) if known.asked else is_plausible(known, segment)
    if not fits:
        return doubt(state, name, moment)
    if not affords(known, host, moment):
        return Reason.frame_limit
    if known.origin is Origin.host and not known.host_seen:
        known.next = after(segment)
    known.asked = False
    return Reason.connection


def judge_reset(state: State, name: Name, segment: Segment, _: Host, moment: Moment) -> Reason:
    """A client's RST of a known connection: RFC 5961 3.2. Only the host's own word, or one that it will believe, ends it."""
    known = state.connections[name]
    distance = (segment.seq - known.next) % WORD
    if known.asked:
        near = segment.flags & ACK != 0 and answers_syn(known, segment)
    elif distance == 0 and known.host_seen:
        state.forget(name)
        return Reason.reset
    else:
        near = distance < WINDOW or is_blank(known)
    return Reason.reset_asked if near and has_allowance(state, name, moment) else Reason.implausible_rst
