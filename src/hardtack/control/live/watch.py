"""Sight after sight: what is shown, and what is remembered of it for the lines that show how it went."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from hardtack.control.live.history import History
from hardtack.control.live.rates import VERDICTS, Rates, between
from hardtack.control.live.sight import FRAMES, Sight, look, with_holdings
from hardtack.control.names import number_of
from hardtack.control.pinned import NothingHere
from hardtack.kernel import pins
from hardtack.kernel.bpf import BpfError
from hardtack.mistake import Mistake
from hardtack.packet.reasons import REASONS

GONE = "nothing is attached any more; showing the last data. This view resumes when a front is back"
SHARE = 20  # tables that take long are read so seldom that it takes at most a part in so many of the time


@dataclass
class Histories:
    """Frames per second: by verdict (by its name), by reason (by its number), by row, by CPU."""

    verdicts: History = field(default_factory=History)
    reasons: History = field(default_factory=History)
    rows: History = field(default_factory=History)
    cpus: History = field(default_factory=History)

    def add(self, sight: Sight, rates: Rates) -> None:
        """One more sample of each."""
        self.verdicts.add([one.name for one in VERDICTS], rates.verdicts[:, FRAMES])
        self.reasons.add(range(REASONS), rates.reasons[:, FRAMES])
        self.rows.add(sight.rows, rates.rows[:, :, FRAMES].sum(1))
        self.cpus.add(range(len(rates.cpus)), rates.cpus[:, :, FRAMES].sum(1))


@dataclass(frozen=True)
class Picture:
    """What is to be shown. `problem`: why it is not of now, else ""; `rates`: None at first."""

    sight: Sight
    rates: Rates | None
    problem: str = ""


class Watch:
    """Reads when told to. `host`: rows of this one only. `number`: its Host.number where it was first found; 0: all."""

    def __init__(self, interfaces: Collection[str] = (), host: str | None = None, root: Path = pins.ROOT) -> None:
        self._interfaces, self._host, self._root = interfaces, host, root
        self.number = number_of(host, root) if host else 0
        self._last: Sight | None = None
        self._picture: Picture | None = None
        self._holdings_due = 0.0
        self.histories = Histories()

    def step(self) -> Picture | None:
        """What is there now, or was there last; None if there was never anything. NothingHere if it is not root who asks."""
        try:
            sight = look(self._interfaces, self._root)
            if sight is not None:
                sight = self._with_holdings(sight)
        except NothingHere:
            raise
        except (Mistake, BpfError, OSError) as error:  # somebody takes it away, or puts it there, just now
            return self._stale(str(error))
        if sight is None:
            self._last = None
            return self._stale(GONE)
        if self._host is not None:
            sight = only(sight, self._host)
        rates = between(self._last, sight) if self._last else None
        if rates:
            self.histories.add(sight, rates)
        self._last, self._picture = sight, Picture(sight, rates)
        return self._picture

    def _stale(self, problem: str) -> Picture | None:
        return replace(self._picture, problem=problem) if self._picture else None

    def _with_holdings(self, sight: Sight) -> Sight:
        """What connection tables hold is read less often than counters where they are large."""
        last, now = self._last, time.monotonic()
        known = {one.interface for one in last.attached} if last else set[str]()
        if last and now < self._holdings_due and known == {one.interface for one in sight.attached}:
            return replace(sight, connections=last.connections, sources=last.sources)
        found = with_holdings(sight, self._interfaces, self._root)
        self._holdings_due = now + (time.monotonic() - now) * SHARE
        return found


def only(sight: Sight, host: str) -> Sight:
    """The rows and rules of one host. Nothing counted by CPU is told by host."""
    chosen = [place for place, (_, name) in enumerate(sight.rows) if name == host]
    return replace(
        sight,
        rows=tuple(sight.rows[place] for place in chosen),
        counts=np.asarray(sight.counts[chosen]),
        rules=tuple(rule for rule in sight.rules if rule.host == host),
    )
