"""Proven sources: addresses that have brought a challenge back, and how many SYNs of each may go on to hosts.

Proven means alive, not honest. So a source has an allowance, in periods of 2.048 s: what becomes established earns more,
what is reset, or is still half open when the period after its own has passed, takes away. Who has lost all of it waits.
"""

from __future__ import annotations

from naive.moment import PERIOD_BITS, SHORT, Moment
from naive.seats import mixed
from naive.state import Connection, Host, Source, State

HALF = 8  # places of a bucket whose tags are one word
FIRST = 4  # of a source that has just been proven
MOST_LOST, MOST_PENDING = 7, 255
AHEAD = 0x1000  # periods by which another CPU's clock may be ahead of ours


def since(then: int, moment: Moment) -> int:
    """Periods that have passed."""
    passed = (moment.period - then) % SHORT
    return passed if passed < SHORT - AHEAD else 0


def waits(source: Source, moment: Moment) -> bool:
    """Whether it has lost its allowance, and is not challenged yet: for a period, then two, four, ... 64."""
    return source.allowance == 0 and since(source.used, moment) <= 1 << (source.lost - 1)


def find(state: State, address: bytes, host: Host, moment: Moment) -> Source | None:
    """What a SYN's source has now; None if it is to be challenged."""
    source = state.proven.get(address)
    if source is None or waits(source, moment):
        return source
    if since(source.used, moment) > state.source_life:
        return None
    turn(source, host, moment)
    return source if source.allowance or waits(source, moment) else None


def turn(source: Source, host: Host, moment: Moment) -> None:
    """To this period. What was half open for a whole one has not ended, which takes away if the host answers at all."""
    passed = since(source.used, moment)
    if passed == 0:
        return
    lost = source.before if passed == 1 else source.before + source.pending
    source.before = source.pending if passed == 1 else 0
    source.pending = source.passed = 0
    if source.allowance == 0:
        return  # it has nothing to lose, and goes on to wait
    if lost < source.allowance or host.handshake.unanswered:
        source.allowance -= 0 if host.handshake.unanswered else lost
        source.used = moment.period
    else:
        lose(source, (source.used + min(passed, 2)) % SHORT)


def lose(source: Source, when: int) -> None:
    """It has no allowance any more."""
    source.allowance, source.used, source.lost = 0, when, min(MOST_LOST, source.lost + 1)


def prove(state: State, address: bytes, host: Host, moment: Moment) -> Source | None:
    """It has brought a challenge back, or ended a handshake that proves as much. None: there is no place for it."""
    source = state.proven.get(address)
    if source is None:
        if not make_room(state, address, moment):
            return None
        state.proven[address] = Source(moment.period, FIRST)
        return state.proven[address]
    turn(source, host, moment)
    if source.allowance == 0 and not waits(source, moment):
        state.proven[address] = Source(moment.period, FIRST, source.lost)
    return state.proven[address]


def tag_of(state: State, address: bytes) -> int:
    """What tells sources of a bucket apart, mostly: a byte, and never 0."""
    words = [int.from_bytes(address[at : at + 4], "little") for at in range(0, 16, 4)]
    total = state.factors[0] + sum(word * factor for word, factor in zip(words, state.factors[1:5], strict=True))
    return mixed(total) & 0xFF or 1


def make_room(state: State, newcomer: bytes, moment: Moment) -> bool:
    """A place in one of the bucket's halves: in one where nobody has its tag, so that one look finds it.

    In a full one goes who was not used longest; before all others those who have earned nothing.
    """
    if state.seats is None:
        return True
    place = place_for(state, state.seats, newcomer, moment)
    gone = state.seats[place]
    if gone is not None:
        del state.proven[gone]
    state.seats[place] = newcomer
    return True


def place_for(state: State, seats: list[bytes | None], newcomer: bytes, moment: Moment) -> int:
    """Of the sixteen."""
    mine = tag_of(state, newcomer)
    same = [place for place, one in enumerate(seats) if one is not None and tag_of(state, one) == mine]
    halves = [half for half in (range(HALF), range(HALF, 2 * HALF)) if not {*half} & {*same}]
    for half in halves:
        for place in half:
            if seats[place] is None:
                return place
    if not halves:
        return same[0]
    return max(halves[moment.period % len(halves)], key=lambda place: (rank(state, seats[place], moment), -place))


def rank(state: State, address: bytes | None, moment: Moment) -> tuple[bool, int]:
    """The highest gives way."""
    source = state.proven[address or b""]
    return 0 < source.allowance <= FIRST, since(source.used, moment)


def charge(source: Source) -> None:
    """One more SYN of it goes on."""
    source.passed, source.pending = source.passed + 1, min(MOST_PENDING, source.pending + 1)


def settle(known: Connection, source: Source, moment: Moment) -> bool:
    """A connection is half open no longer; whether that had been held against its source already."""
    passed = since((known.begun >> PERIOD_BITS) % SHORT, moment)
    if passed == 0:
        source.pending = max(0, source.pending - 1)
    elif passed == 1:
        source.before = max(0, source.before - 1)
    return passed > 1


def earn(state: State, source: Source, allowance: int) -> None:
    """So much more, in a period."""
    source.allowance = min(source.allowance + allowance, state.source_syns)
    source.lost = max(0, source.lost - 1)


def charged(state: State, address: bytes, known: Connection, host: Host, moment: Moment) -> Source | None:
    """The source at whose cost a connection was half open, which it no longer is; None if there is none, or it has gone."""
    source = state.proven.get(address) if known.charged else None
    if source is not None:
        turn(source, host, moment)
    return source


def established(state: State, address: bytes, known: Connection, host: Host, moment: Moment) -> None:
    """A half-open connection has got as far as that: by a client's word, or its host's."""
    source = charged(state, address, known, host, moment)
    if source is not None:
        earn(state, source, 2 if settle(known, source, moment) else 1)


def blame(state: State, address: bytes, known: Connection, host: Host, moment: Moment) -> None:
    """The client has reset it."""
    source = charged(state, address, known, host, moment)
    if source is None:
        return
    settle(known, source, moment)
    if source.allowance > 1:
        source.allowance -= 1
    elif source.allowance == 1:
        lose(source, moment.period)


def spare(state: State, address: bytes, known: Connection, host: Host, moment: Moment) -> None:
    """Its host has, which is nobody's fault."""
    source = charged(state, address, known, host, moment)
    if source is not None:
        settle(known, source, moment)
