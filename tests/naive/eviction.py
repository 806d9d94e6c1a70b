"""Who gives way when the table is full. Here it is a single bucket: a newcomer meets it twice, as its first and second."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from naive.known import AHEAD
from naive.moment import WORD, Moment
from naive.prefixes import is_busy, network_of, opened
from naive.state import Name, Origin, State

SHARE = 4  # votes of 16: more is more than a fair share
BUSY = 5  # of several such, the prefix that has opened most gives way first
PROTECTED = 3  # from this class down, a prefix that comes too often displaces nobody


def make_room(state: State, newcomer: Name, host: int, moment: Moment, displaces: bool) -> bool:
    """Whether the newcomer has a place: a free one, or somebody's who gives way."""
    if state.slots is None:
        return True
    if None in state.slots:
        state.slots[state.slots.index(None)] = newcomer
        return True
    names = [name for name in state.slots if name is not None] * 2
    rich, busy = majority([network_of(name) for name in names]), majority([state.connections[name].host for name in names])
    ranks = []
    for name in names:
        known = state.connections[name]
        rank = class_of(state, name, newcomer, rich, busy, moment)
        most = opened(state, name, moment) if rank == BUSY else 0
        ranks.append((rank, most, (moment.ms + AHEAD - known.seen) % WORD))
    best = max(ranks)
    if best[0] <= PROTECTED and not displaces:
        return False
    place = ranks.index(best)
    del state.connections[names[place]]
    state.slots[place % len(state.slots)] = newcomer
    return True


def class_of(state: State, name: Name, newcomer: Name, rich: Hashable, busy: Hashable, moment: Moment) -> int:
    """The highest gives way first; within a class, the one that was silent longest."""
    known = state.connections[name]
    if known.client_fin and known.host_fin:
        return 7
    if known.half_open:
        return 6
    if is_busy(state, name, moment):
        return BUSY
    if network_of(name) == network_of(newcomer):
        return 4
    if known.awaited or (known.origin in (Origin.grace, Origin.seed) and not known.host_seen):
        return 3
    if network_of(name) == rich:
        return 2
    return 1 if known.host == busy else 0


def majority(of: Sequence[Hashable]) -> Hashable | None:
    """Whoever has more than a fair share, by Boyer and Moore's vote (1981); None if it is nobody."""
    candidate, votes = None, 0
    for one in of:
        if votes == 0:
            candidate, votes = one, 1
        else:
            votes += 1 if one == candidate else -1
    return candidate if votes > SHARE else None
