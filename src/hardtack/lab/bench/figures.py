"""Samples -> figures. Times are CPU nanoseconds per frame.

The machine is shared and noisy: disturbance only ever adds. So three figures stand side by side. `median`: over all
slices. `quiet`: the lower quartile, what a slice costs that was not much disturbed. `ratio`: the median over rounds of
what it cost over what the mirror cost in the same round with the same frames, so that a slow minute counts for both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

from hardtack.lab.bench.rounds import Entry, Samples

MIRROR, CLOCKS = "mirror", "drop"  # contestants that others are compared with


@dataclass(frozen=True)
class Figure:
    """What one entry cost. `ratio`, `more`: to the mirror, and what it costs more than the mirror; paired by round."""

    contestant: str
    kind: str
    title: str
    least: float
    quiet: float
    median: float
    upper: float  # the upper quartile
    ratio: float
    quiet_ratio: float
    more: float
    mpps: float  # what a core does that has nothing else to do, at the median cost
    mpps_here: float  # what it did, everything else on this machine included
    sent: int
    lost: int
    received: int
    done: int
    rounds: int


@dataclass(frozen=True)
class Step:
    """One step of the front's program on one kind of frame, in ns: its own, and of all up to it.

    `quiet`, `median`: in place, as the kernel timed it during the flood. `alone`: repeated on one frame; None: unknown.
    """

    name: str
    kind: str
    title: str
    quiet: float
    quiet_total: float
    median_total: float
    alone: float | None
    alone_total: float | None


def figures(samples: Samples) -> list[Figure]:
    """One for each entry, in their order."""
    return [_figure(entry, samples) for entry in samples]


def steps(samples: Samples, alone: Mapping[tuple[str, str], float]) -> list[Step]:
    """From samples taken while the kernel timed the programs, and the times of programs alone by name and kind.

    Two readings of the clock are part of what the kernel counts: the empty program, which drops, costs nothing else.
    """
    found: list[Step] = []
    before = before_alone = 0.0
    for entry in samples:
        name, kind = entry.contestant.name, entry.kind.name
        if name == CLOCKS:
            before = before_alone = 0.0
            continue
        quiet, middle = (_net(entry, samples, number) for number in (1, 2))
        hot = alone.get((name, kind))
        own = None if hot is None else hot - before_alone
        found.append(Step(name, kind, entry.contestant.title, quiet - before, quiet, middle, own, hot))
        before, before_alone = quiet, before_alone if hot is None else hot
    return found


def _net(entry: Entry, samples: Samples, number: int) -> float:
    """A quartile of the time in the program, less that of the clock readings."""
    mine, clocks = (_in_program(name, entry, samples) for name in (entry.contestant.name, CLOCKS))
    return quartile(mine, number) - quartile(clocks, number)


def quartile(values: Sequence[float], number: int) -> float:
    """The first, second or third quartile."""
    return quantiles(values, n=4, method="inclusive")[number - 1] if len(values) > 1 else values[0]


def paired(entry: Entry, name: str, samples: Samples) -> list[tuple[float, float]]:
    """Round by round, the cost of `entry` and of contestant `name` with the same kind of frame."""
    other = _named(name, entry, samples)
    return [(mine.slice.cost, its.slice.cost) for mine, its in zip(samples[entry], samples[other], strict=True)]


def _figure(entry: Entry, samples: Samples) -> Figure:
    taken = samples[entry]
    costs = [sample.slice.cost for sample in taken]
    pairs = paired(entry, MIRROR, samples)
    return Figure(
        contestant=entry.contestant.name,
        kind=entry.kind.name,
        title=entry.contestant.title,
        least=min(costs),
        quiet=quartile(costs, 1),
        median=median(costs),
        upper=quartile(costs, 3),
        ratio=median(mine / its for mine, its in pairs),
        quiet_ratio=quartile(costs, 1) / quartile([its for _, its in pairs], 1),
        more=median(mine - its for mine, its in pairs),
        mpps=1e3 / median(costs),
        mpps_here=median(sample.slice.received / sample.slice.seconds / 1e6 for sample in taken),
        sent=sum(sample.slice.sent for sample in taken),
        lost=sum(sample.slice.lost for sample in taken),
        received=sum(sample.slice.received for sample in taken),
        done=sum(sample.done for sample in taken),
        rounds=len(taken),
    )


def _named(name: str, entry: Entry, samples: Samples) -> Entry:
    return next(other for other in samples if other.kind == entry.kind and other.contestant.name == name)


def _in_program(name: str, entry: Entry, samples: Samples) -> list[float]:
    runs = [sample.runs for sample in samples[_named(name, entry, samples)]]
    return [run.nanoseconds / max(run.times, 1) for run in runs]
