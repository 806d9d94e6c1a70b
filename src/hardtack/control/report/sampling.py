"""When the front's own tap is on, and one of how many frames it takes.

While a host is attacked it is on all the time; else for a second now and then, often at first, so that soon after a start
there is something to compare with. One of so many frames is taken that some hundreds come in a second, whatever the rate.
In calm that is some 200 frames in half a minute, about 3 s of CPU time a day. Off, it costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from hardtack.control.report.samples import SNAP
from hardtack.control.taps import Fate, Sample
from hardtack.engines.tap_program import Wish

ATTACK_RATE, CALM_RATE = 400, 200  # frames a second that are wanted
BUDGET = 2000  # frames a second on each CPU, at most
RING = 1 << 19  # bytes: more than 2,000 frames of SNAP between two looks are lost, and counted
FIRST_EVERY, MOST_EVERY = 64, 1 << 24
SOON, SOON_TIMES, SELDOM = 5.0, 24, 30.0  # s from spell to spell: so many times, and from then on
WISH = Wish(snap=SNAP, rate=BUDGET)


class Source(Protocol):
    """A tap: control/taps.py."""

    def extend(self) -> None:
        """It goes on."""

    def pause(self) -> None:
        """Nothing comes any more."""

    def thin(self, every: int) -> None:
        """From now on one frame of so many."""

    def samples(self) -> Iterator[Sample]:
        """Those that have come since."""

    def fate(self) -> Fate:
        """What has become of the frames so far."""


class Sampling:
    """Looked at every second; `now`: monotonic s."""

    def __init__(self, tap: Source, now: float) -> None:
        self._tap, self._on, self._spells, self._due = tap, False, 0, now
        self.every = FIRST_EVERY
        tap.thin(self.every)
        self._fate = tap.fate()

    def look(self, now: float, attacked: bool) -> list[tuple[Sample, float]]:
        """What has come since the last look, each with how many frames it stands for; and on or off it goes."""
        found = self._taken() if self._on else []
        begins = not self._on and now >= self._due
        if begins:
            self._spells += 1
            self._due = now + (SOON if self._spells <= SOON_TIMES else SELDOM)
        if attacked or begins:
            self._adjust(found, ATTACK_RATE if attacked else CALM_RATE)
            self._tap.extend()
            self._on = True
        elif self._on:
            self._adjust(found, CALM_RATE)
            self._tap.pause()
            self._on = False
        return found

    def _taken(self) -> list[tuple[Sample, float]]:
        samples, fate = [*self._tap.samples()], self._tap.fate()
        taken, missed = fate.taken - self._fate.taken, fate.lost + fate.over - self._fate.lost - self._fate.over
        self._fate = fate
        weight = self.every * (taken + missed) / max(1, taken)
        return [(one, max(1.0, weight)) for one in samples]

    def _adjust(self, found: list[tuple[Sample, float]], wanted: int) -> None:
        """Have about so many come in the next second, if all goes on like this."""
        if not self._on:
            return
        frames = sum(weight for _, weight in found) or self.every / 16
        every = min(MOST_EVERY, max(1, round(frames / wanted)))
        if every != self.every and (every == 1 or not self.every / 2 <= every <= self.every * 2):
            self.every = every
            self._tap.thin(every)
