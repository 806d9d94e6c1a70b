"""Hosts' numbers. A host keeps its own for as long as its name lives: counters and connections are known by it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from hardtack.packet.layout import MOST_HOST_ADDRESSES

FEWEST_COUNTERS = 16  # entries of `counters`, 2 KB for each CPU; then twice as many: a host more seldom is a table anew

Numbering = Mapping[str, int]  # by name of the host, from 1


def numbered(names: Iterable[str], earlier: Sequence[str] = ()) -> dict[str, int]:
    """Each host's number: the one it had, or a new one. `earlier`: names by number from 1, "" where it is nobody's.

    A new host is given a number that was nobody's, the lowest; only if there is none, that of a host that goes.
    """
    names, had = [*names], {name: number for number, name in enumerate(earlier, 1) if name}
    kept = {name: had[name] for name in names if name in had}
    everybody, taken = range(1, MOST_HOST_ADDRESSES + 1), {*had.values()}
    free = chain((number for number in everybody if number not in taken), sorted(taken - {*kept.values()}))
    return {name: kept[name] if name in kept else next(free) for name in names}


def new_to(numbers: Numbering, earlier: Sequence[str]) -> list[int]:
    """Those of `numbers` that their hosts did not have before."""
    return [number for name, number in numbers.items() if number > len(earlier) or earlier[number - 1] != name]


def counters_for(numbers: Numbering) -> int:
    """How many entries `counters` has: entry 0 is nobody's."""
    return max(FEWEST_COUNTERS, 1 << max(numbers.values()).bit_length())


def names_for(numbers: Numbering) -> int:
    """How many entries `names` has, likewise."""
    return 1 + max(numbers.values())
