"""Samples -> figures. Times are CPU nanoseconds per frame.

The machine is shared and noisy: disturbance only ever adds. So three figures stand side by side. `median`: over all
slices. `quiet`: the lower quartile, what a slice costs that was not much disturbed. `ratio`: the median over rounds of
what it cost over what the mirror cost in the same round with the same frames, so that a slow minute counts for both.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    mpps: float  # by the wall, everything else on this machine included
    sent: int
    lost: int
    received: int
    answered: int
    rounds: int


@dataclass(frozen=True)
class Step:
    """One step of the front's program on one kind of frame, in ns: its own, and all up to it."""

    name: str
    kind: str
    title: str
    own: float
    total: float
    quiet_own: float
    quiet_total: float


def figures(samples: Samples) -> list[Figure]:
    """One for each entry, in their order."""
    return [_figure(entry, samples) for entry in samples]


def steps(samples: Samples) -> list[Step]:
    """From samples taken while the kernel timed the programs: what each costs more than the one before it.

    The two clock readings are part of what the kernel counts: they are what the empty program costs.
    """
    found: list[Step] = []
    base = base_quiet = before = before_quiet = 0.0
    for entry in samples:
        if entry.contestant.name == CLOCKS:
            before = before_quiet = 0.0
            clocks = _in_program(CLOCKS, entry, samples)
            base, base_quiet = median(clocks), quartile(clocks, 1)
            continue
        times = _in_program(entry.contestant.name, entry, samples)
        total, quiet = median(times) - base, quartile(times, 1) - base_quiet
        own = (total - before, total, quiet - before_quiet, quiet)
        found.append(Step(entry.contestant.name, entry.kind.name, entry.contestant.title, *own))
        before, before_quiet = total, quiet
    return found


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
        mpps=median(sample.slice.received / sample.slice.seconds / 1e6 for sample in taken),
        sent=sum(sample.slice.sent for sample in taken),
        lost=sum(sample.slice.lost for sample in taken),
        received=sum(sample.slice.received for sample in taken),
        answered=sum(sample.answered for sample in taken),
        rounds=len(taken),
    )


def _named(name: str, entry: Entry, samples: Samples) -> Entry:
    return next(other for other in samples if other.kind == entry.kind and other.contestant.name == name)


def _in_program(name: str, entry: Entry, samples: Samples) -> list[float]:
    runs = [sample.runs for sample in samples[_named(name, entry, samples)]]
    return [run.nanoseconds / max(run.times, 1) for run in runs]
