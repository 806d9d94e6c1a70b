"""Slice after slice, all contestants in turn, again and again: what else the machine does hits all of them alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from hardtack.kernel import statistics
from hardtack.kernel.statistics import Runs
from hardtack.lab.bench.contestants import Contestant
from hardtack.lab.bench.ground import Ground, Slice
from hardtack.lab.bench.kinds import Kind

STRIDE = 7  # entries by which each round begins later, so that nobody is always first


@dataclass(frozen=True)
class Entry:
    """A contestant and the kind of frame it is measured with."""

    contestant: Contestant
    kind: Kind

    def __str__(self) -> str:
        return f"{self.contestant.title}, {self.kind.title}"


@dataclass(frozen=True)
class Sample:
    """A slice; how many frames the contestant has dealt with meanwhile; what the kernel says of its program's runs."""

    slice: Slice
    done: int
    runs: Runs


Samples = dict[Entry, list[Sample]]


def entries(contestants: Sequence[Contestant]) -> list[Entry]:
    """Kind by kind, so that what is compared is measured within seconds."""
    wanted = dict.fromkeys(kind for contestant in contestants for kind in contestant.kinds)
    return [Entry(contestant, kind) for kind in wanted for contestant in contestants if kind in contestant.kinds]


def play(
    ground: Ground, field: Sequence[Entry], rounds: int, frames: int, *, timed: bool, told: Callable[[str], None]
) -> Samples:
    """`rounds` slices of some `frames` frames for each entry; `told` hears what comes next.

    With `timed` the kernel counts the time in programs too, which makes everything slower: for `Sample.runs` only.
    """
    samples: Samples = {entry: [] for entry in field}
    with statistics.counting() if timed else nullcontext():
        for entry in in_turn(field, rounds):
            told(str(entry))
            samples[entry].append(_measure(ground, entry, frames))
    return samples


def in_turn(field: Sequence[Entry], rounds: int) -> Iterator[Entry]:
    """Every entry once a round."""
    for number in range(rounds):
        first = number * STRIDE % len(field)
        yield from [*field[first:], *field[:first]]


def _measure(ground: Ground, entry: Entry, frames: int) -> Sample:
    contestant = entry.contestant
    with contestant.arrange():
        ground.put(contestant.program)
        ground.warm_up(entry.kind)
        done, ran = contestant.done(), _runs(contestant)
        taken = ground.slice(entry.kind, frames * contestant.effort)
        return Sample(taken, contestant.done() - done, _runs(contestant) - ran)


def _runs(contestant: Contestant) -> Runs:
    return statistics.runs(contestant.program) if contestant.program else Runs(0, 0)
