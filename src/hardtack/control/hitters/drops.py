"""Samples of dropped frames, out of taps on running fronts: as many as can be looked at, whatever is dropped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from hardtack.control.hitters.sample import Sample
from hardtack.control.pinned import Interfaces, fronts
from hardtack.control.taps import LEASE, Fate, PinnedTap
from hardtack.engines.tap_program import Wish
from hardtack.packet.reasons import FRONT_REASONS, Reason, Verdict, verdict

SNAP = 128  # bytes: both headers, with tags and extensions
RATE = 3_000  # frames a second on each CPU, at most
FIRST, STEP, MOST = 512, 8, 1 << 15  # one frame of so many, at least: all frames are copied; by what that changes
FEW, MANY = 200, 2_000  # frames since the last look: fewer, then one of fewer is taken; more, then one of more
BUFFER = 1 << 21  # bytes
ETHERNET = 14  # bytes: where an IP header lies behind an Ethernet header
DROPS = [one for one in Reason if one < FRONT_REASONS and verdict(one) == Verdict.DROP]


class Drops:
    """A Sampler of the fronts on these interfaces, or of all here, that is asked every `interval` seconds."""

    def __init__(self, interfaces: Interfaces, interval: float) -> None:
        self._interfaces, self._lease = interfaces, interval + LEASE
        self._open = ExitStack()
        self._taps: list[Sampled] = []

    def start(self) -> None:
        """NothingHere, AllTaken, NotWhole, BpfError."""
        self.stop()
        try:
            for folder in fronts(self._interfaces):
                tap = self._open.enter_context(PinnedTap(folder, lambda _: Wish(DROPS, snap=SNAP, rate=RATE), FIRST, BUFFER))
                self._taps.append(Sampled(tap))
                tap.renew(self._lease)
        except BaseException:
            self.stop()
            raise

    def samples(self) -> Iterator[Sample]:
        """Those since the last call."""
        for one in self._taps:
            one.tap.renew(self._lease)
            yield from one.look()

    def stop(self) -> None:
        """No frame is copied any more."""
        self._open.close()
        self._taps.clear()


class Sampled:
    """A tap, and how many frames one of its samples stands for."""

    def __init__(self, tap: PinnedTap) -> None:
        self.tap, self._every, self._fate = tap, FIRST, Fate(0, 0, 0)

    def look(self) -> Iterator[Sample]:
        """What has come. Where the budget was used up, each stands for more."""
        fate, before = self.tap.fate(), self._fate
        taken = fate.taken - before.taken
        missed = fate.lost + fate.over - before.lost - before.over
        weight = self._every * (taken + missed) / max(taken, 1)
        self._fate = fate
        self._adjust(taken + missed)
        for one in self.tap.samples():
            bare = one.begin != ETHERNET
            yield Sample(one.frame[one.begin if bare else 0 :], one.reason, one.host, one.length, weight, bare)

    def _adjust(self, seen: int) -> None:
        every = self._every * STEP if seen > MANY else self._every // STEP if seen < FEW else self._every
        every = min(max(every, FIRST), MOST)
        if every != self._every:
            self._every = every
            self.tap.thin(every)
