"""Frames and bytes per second between two sights. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hardtack.control.live.sight import FRAMES, OCTETS, Counts, Row, Sight
from hardtack.control.readout import RuleFrames
from hardtack.packet.reasons import REASONS, Verdict, verdict

VERDICTS: tuple[Verdict, ...] = tuple(Verdict)
WHICH = np.array([[verdict(reason) == one for one in VERDICTS] for reason in range(REASONS)], float)

Rate = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rates:
    """Per second, as `counts` and `by_cpu` of a Sight: (rows, REASONS, 2), the last axis frames and bytes."""

    seconds: float
    rows: Rate
    cpus: Rate
    rules: tuple[tuple[float, float], ...]  # of each rule of the later sight: frames, and those beyond its rate

    @property
    def reasons(self) -> Rate:
        """All rows together: (REASONS, 2)."""
        return np.asarray(self.rows.sum(0))

    @property
    def verdicts(self) -> Rate:
        """Likewise by VERDICTS: (4, 2)."""
        return np.asarray(by_verdict(self.rows.sum(0)[None])[0])


def between(before: Sight, now: Sight) -> Rates:
    """What happened from one to the other. A row that is new, or has begun anew, has no rate yet: 0."""
    seconds = max(now.at - before.at, 1e-3)
    return Rates(
        seconds,
        grown(aligned(before.counts, before.rows, now.rows, now.counts), now.counts) / seconds,
        grown(before.by_cpu if before.by_cpu.shape == now.by_cpu.shape else now.by_cpu, now.by_cpu) / seconds,
        tuple(rule_rates(before.rules, now.rules, seconds)),
    )


def aligned(counts: Counts, rows: tuple[Row, ...], wanted: tuple[Row, ...], new: Counts) -> Counts:
    """`counts`, with the rows that are wanted; one that it has not is as in `new`."""
    if rows == wanted:
        return counts
    places = {row: place for place, row in enumerate(rows)}
    found = new.copy()
    for place, row in enumerate(wanted):
        if row in places:
            found[place] = counts[places[row]]
    return found


def grown(before: Counts, now: Counts) -> Rate:
    """By how much; nothing where a row has less than before anywhere: it has begun anew."""
    anew = np.asarray((now < before).any(axis=(1, 2)))
    grew = np.where(anew[:, None, None], np.uint64(0), now - before)
    return np.asarray(grew, float)


def rule_rates(before: tuple[RuleFrames, ...], now: tuple[RuleFrames, ...], seconds: float) -> list[tuple[float, float]]:
    """Of each rule of `now`."""
    was = {(one.host, one.rule): one for one in before}
    found = []
    for one in now:
        old = was.get((one.host, one.rule), one)
        found.append((max(0, one.frames - old.frames) / seconds, max(0, one.over - old.over) / seconds))
    return found


def by_verdict(by_reason: Rate | Counts) -> Rate:
    """(rows, REASONS, 2) as (rows, 4, 2), by VERDICTS."""
    return np.asarray(np.einsum("rnk,nv->rvk", np.asarray(by_reason, float), WHICH))


def flows(rates: Rate | None, rows: int) -> list[list[float]]:
    """Of each row: frames, those of each of VERDICTS, and bits, all per second."""
    if rates is None:
        return [[0.0] * (len(VERDICTS) + 2)] * rows
    every = rates.sum(1)
    table = np.column_stack([every[:, FRAMES], by_verdict(rates)[:, :, FRAMES], every[:, OCTETS] * 8])
    return [[float(one) for one in row] for row in table]
