"""Connections whose SYN has gone on to their host: who may have one, and what ends the handshake."""

from __future__ import annotations

from hardtack.packet.reasons import Reason
from naive import budget, connections, known, prefixes, proven
from naive.known import AHEAD, FAST_OPEN, FIN, PROGRESS, WINDOW, after
from naive.moment import WORD, Moment
from naive.parse import Segment
from naive.state import BURST, START, Connection, Host, Name, Origin, Source, State

SYN, RST, ACK = 0x02, 0x04, 0x10
LONGEST = 3000  # ms


def judge(state: State, name: Name, segment: Segment, host: Host, moment: Moment, source: Source | None = None) -> Reason:
    """A SYN of a proven source, or (None) of any where the host is to answer all."""
    if source is not None:
        if source.allowance == 0:
            return Reason.source_waits
        if source.passed >= source.allowance or source.pending + source.before >= source.allowance:
            return Reason.source_limit
    refusal = refuses(state, name, segment, host, moment)
    if refusal is not None:
        return refusal
    if source is not None:
        proven.charge(source)
    entry = connections.begin(state, name, host, Origin.syn, moment, not prefixes.is_busy(state, name, moment))
    if entry is None:
        return Reason.newcomer_limit
    entry.half_open, entry.left, entry.charged = True, START, source is not None
    entry.next = (segment.seq + 1) % WORD
    return Reason.opened


def refuses(state: State, name: Name, segment: Segment, host: Host, moment: Moment) -> Reason | None:
    """Why a SYN does not go on; None if it may, which is then paid for."""
    if prefixes.opened(state, name, moment) >= 2 * prefixes.most_opened(state, moment):
        return Reason.newcomer_limit
    refusal = budget.keeps_off(state, segment, host, moment) if host.syns else None
    if refusal is None:
        prefixes.open_one(state, name, moment)
    return refusal


def is_given_up(entry: Connection, segment: Segment, moment: Moment) -> bool:
    """Whether a SYN alone comes for a handshake that has not ended in LONGEST. It is as if it were the first."""
    age = (moment.stamp - entry.begun) % WORD
    return entry.half_open and segment.flags & (SYN | RST | ACK) == SYN and LONGEST < age < WORD - AHEAD - 1


def reopen(entry: Connection, segment: Segment) -> None:
    """Another SYN goes on: the host may have heard of none before, and expects what follows this one."""
    if entry.half_open and not entry.numbered:
        entry.next = (segment.seq + 1) % WORD


def follow(state: State, name: Name, segment: Segment, host: Host, moment: Moment) -> Reason:
    """A client's segment without SYN and RST. A host that is heard must have answered before."""
    entry = state.connections[name]
    ahead = (segment.seq - entry.next) % WORD
    if entry.numbered:
        ends = known.answers_syn(entry, segment) and known.is_plausible(entry, segment)
    else:
        ends = not host.heard and ahead < FAST_OPEN
    if not ends:
        return known.doubt(state, name, moment)
    if not known.affords(entry, host, moment):
        return Reason.frame_limit
    if not entry.numbered:
        entry.next, entry.sent = after(segment), segment.ack
    if segment.flags & FIN:
        entry.client_fin = True
    if not entry.charged and host.heard:  # else the ACK may be a stranger's
        source = proven.prove(state, name.client, host, moment)
        if source is not None:
            proven.earn(state, source, 1)
    establish(state, name, host, moment)
    return Reason.established


def establish(state: State, name: Name, host: Host, moment: Moment) -> None:
    """The handshake has ended well."""
    entry = state.connections[name]
    proven.established(state, name.client, entry, host, moment)
    entry.half_open = entry.awaited = entry.charged = False
    entry.left = BURST


def judge_reset(state: State, name: Name, segment: Segment, host: Host, moment: Moment) -> Reason:
    """A client's RST. Its number is what follows its SYN, or what the host has said."""
    entry = state.connections[name]
    distance = (segment.seq - entry.next) % WORD
    if distance == 0:
        state.forget(name)
        proven.blame(state, name.client, entry, host, moment)
        return Reason.reset
    asks = distance < WINDOW and known.has_allowance(state, name, moment)
    return Reason.reset_asked if asks else Reason.implausible_rst


def is_over(entry: Connection, segment: Segment) -> bool:
    """Whether the host shows that its client's ACK has arrived: it sends data, or has received some.

    A bare ACK of no more than the SYN is its answer to anybody whose number is wrong: RFC 9293 3.10.7.4. Which SYN that was,
    it has said with its answer; else it may be one before this one.
    """
    more = entry.numbered and 0 < (segment.ack - entry.next) % WORD < PROGRESS
    return more or segment.has_payload or segment.flags & FIN != 0
