"""Numbers for what comes and goes. A host keeps its own while its name lives: counters and connections know it by that."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import chain
from typing import TypeVar

from hardtack.packet.layout import BUDGETS_EACH, MOST_HOSTS, PORT_WORDS

FEWEST = 64  # hosts that there is room for, and sets of ports; 2 KB or so for each CPU and host

EVERYBODY = ""  # the owner of [front]'s rules: no host has this name

Numbering = Mapping[str, int]  # by name of the host, from 1
Key = TypeVar("Key", bound=Hashable)


def assigned(wanted: Iterable[Key], earlier: Mapping[Key, int], most: int = MOST_HOSTS) -> dict[Key, int]:
    """The number of each: the one it had, or a new one, from 1 to `most`.

    A new one is given a number that was nobody's, the lowest; only if there is none, that of one that goes.
    """
    wanted = dict.fromkeys(wanted)
    kept = {key: earlier[key] for key in wanted if key in earlier}
    if len(kept) == len(wanted):
        return kept
    taken = {*earlier.values()}
    free = chain((number for number in range(1, most + 1) if number not in taken), sorted(taken - {*kept.values()}))
    return {key: kept[key] if key in kept else next(free) for key in wanted}


def numbered(names: Iterable[str], earlier: Sequence[str] = (), room: int = MOST_HOSTS) -> dict[str, int]:
    """Each host's number, up to `room` if that is enough. `earlier`: names by number from 1, "" where it is nobody's."""
    names = [*names]
    most = room if len(names) <= room else MOST_HOSTS
    return assigned(names, {name: number for number, name in enumerate(earlier, 1) if name}, most)


def new_to(numbers: Numbering, earlier: Sequence[str]) -> list[int]:
    """Those of `numbers` that their hosts did not have before."""
    return [number for name, number in numbers.items() if number > len(earlier) or earlier[number - 1] != name]


def room_for(highest: int) -> int:
    """How many entries a table by number has, 0 among them: a power of 2, with room for more."""
    return max(FEWEST, 1 << (highest + highest // 4).bit_length())


def table_sizes(numbers: Numbering, sets: Mapping[bytes, int]) -> dict[str, int]:
    """Entries of the tables that are by hosts' numbers, and by those of sets of ports."""
    hosts = min(room_for(max(numbers.values())), MOST_HOSTS + 1)
    budgets = BUDGETS_EACH * hosts
    ports = PORT_WORDS * room_for(max(sets.values(), default=0))
    ours = dict.fromkeys(("counters", "names", "attacks", "failures"), hosts)
    return {**ours, "budgets": budgets, "shares": budgets, "ports": ports}
