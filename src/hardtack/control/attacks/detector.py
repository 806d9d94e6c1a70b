"""Whether hosts are under attack, by what was counted in each second: numbers in, decisions out. It reads no clock.

A flood shows in handshakes that do not end. A crowd's do end, so that its rate alone, twenty times the usual, shows nothing.
All of it is about many hosts at once, one in each column.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hardtack.control.attacks.entry import KINDS, STRAYS, SYNS, UNFINISHED, Entries

BACKLOG = 128  # half-open connections, and a small host has no room for more: net.core.somaxconn before Linux 5.4
SPAN = 16  # looks that are remembered, a second each: a backlog of unfinished handshakes in it is one too many
PATIENCE = 8.0  # s for which that must be so: when a crowd begins, handshakes are on their way, too
TIMES = 4  # the usual: less is none
SUDDEN_SHARE, LASTING_SHARE = 1 / 2, 1 / 8  # of handshakes that do not end; a crowd's do so within half a second
STRAY_SEGMENTS = 1000  # a second: what connections leave that end, or are lost with a front, is less
STRAYS_EACH = 4  # and so many for each handshake that ends: a crowd leaves some, too
# SYNs a second that are an attack even if all handshakes end: they would fill a usual table (1,000,000) in ten seconds
MOST_SYNS, SYN_TIMES = 100_000, 8
RAISED = 16  # an attack begins if, in the look before, there was one part in so many of what it takes
STILL = 2  # and it goes on while there is one part in so many
QUIET = 60.0  # s without, and it is over
LEARNING = 600.0  # s: the usual is what has been so for about this long, but for attacks
DOUBLING = 3600.0  # s in which it doubles at most: who walks it up needs days
FLOORS = (1000.0, BACKLOG / SPAN, STRAY_SEGMENTS / TIMES)  # a second, by KINDS: up to these it is learned at once
SILENT = 2.0  # s in which a host that is heard has said nothing: it is down, not flooded, if its SYNs are not
DOWN_TIMES = 2  # as many as usual: clients try again

Rates = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


class Counted(NamedTuple):
    """Frames since the last look, by host."""

    begun: Rates  # SYNs that begin a handshake, or are refused
    ended: Rates  # handshakes that do end
    strays: Rates
    said: Rates  # by a host that is heard


class Thresholds(NamedTuple):
    """By host. `syns`, `strays`: in a second, what is an attack; NaN: that is to be found out, if `learning`."""

    syns: Rates
    strays: Rates
    learning: Flags


class Signs(NamedTuple):
    """By KINDS and host: whether an attack begins, and whether one goes on."""

    begin: Flags
    still: Flags


class Detector:
    """Of some hosts. `state`: their entries, which are changed; attacks in it go on for QUIET from `now` (monotonic s)."""

    def __init__(self, state: Entries, now: float, quiet: float = QUIET) -> None:
        self.state, self._quiet = state, quiet
        many = len(state)
        self._seconds, self._past, self._place = np.zeros(SPAN), np.zeros((SPAN, STRAYS, many)), 0
        self._raised = np.zeros((len(KINDS), many), bool)
        self._lasting = np.zeros(many)  # s
        self._silent = np.full(many, -np.inf)  # s; a host must have been heard before it can fall silent
        state["seen"][state["since"] > 0] = now

    def forget(self, row: int) -> None:
        """Another host has this row."""
        self.state[row] = 0
        self._past[:, :, row], self._raised[:, row], self._lasting[row], self._silent[row] = 0, False, 0, -np.inf

    def judge(self, counted: Counted, told: Thresholds, seconds: float, now: float) -> tuple[list[int], list[int]]:
        """The rows of attacks that begin: see `begin`; and that are over. `seconds`: since the last look, until `now`."""
        rates = np.array([counted.begun, counted.begun - counted.ended, counted.strays]) / seconds
        self._silent = np.where(counted.said > 0, 0.0, self._silent + seconds)
        signs = by_thresholds(self._signs(rates, counted.ended / seconds, seconds), rates, told)
        attacked = self.state["since"] > 0
        down = (self._silent >= SILENT) & (rates[SYNS] < DOWN_TIMES * self.state["usual"][:, SYNS])
        begin = ~attacked & signs.begin.any(0) & ~down
        self._learn(rates, seconds, ~attacked & ~begin & told.learning)
        self._note(signs, rates, begin, attacked)
        self.state["seen"][begin | (attacked & signs.still.any(0))] = now
        over = attacked & (now - self.state["seen"] >= self._quiet)
        return np.flatnonzero(begin).tolist(), np.flatnonzero(over).tolist()

    def _note(self, signs: Signs, rates: Rates, begin: Flags, attacked: Flags) -> None:
        """What shows the attacks, and how large they are."""
        self.state["peak"][begin], self.state["why"][begin] = 0, 0
        during = begin | attacked
        bits = sum(flags.astype(np.uint8) << kind for kind, flags in enumerate(signs.begin))
        self.state["why"][during] |= np.asarray(bits, np.uint8)[during]
        self.state["peak"][during] = np.maximum(self.state["peak"][during], rates.T[during])

    def _signs(self, rates: Rates, ended: Rates, seconds: float) -> Signs:
        usual = self.state["usual"].T
        least = np.array(
            [
                largest(MOST_SYNS, SYN_TIMES * usual[SYNS]),
                largest(BACKLOG, TIMES * usual[UNFINISHED], SUDDEN_SHARE * rates[SYNS]),
                largest(STRAY_SEGMENTS, TIMES * usual[STRAYS], STRAYS_EACH * ended),
            ]
        )
        begin, still = (rates >= least) & self._raised, rates >= least / STILL
        self._raised = rates >= least / RAISED
        lately = self._lately(rates[:STRAYS], seconds)
        unfinished, share = lately[UNFINISHED], LASTING_SHARE * lately[SYNS]
        lasts = unfinished >= largest(BACKLOG / SPAN, TIMES * usual[UNFINISHED], share)
        self._lasting = np.where(lasts, self._lasting + seconds, 0.0)
        now = rates[UNFINISHED] >= unfinished / STILL  # and not only in what is remembered
        begin[UNFINISHED] |= (self._lasting >= PATIENCE) & now
        goes_on = unfinished >= largest(BACKLOG / SPAN / STILL, TIMES / STILL * usual[UNFINISHED], share)
        still[UNFINISHED] = goes_on & now
        return Signs(begin, still)

    def _lately(self, rates: Rates, seconds: float) -> Rates:
        """The rates over the looks that are remembered, this one among them."""
        self._past[self._place], self._seconds[self._place] = rates * seconds, seconds
        self._place = (self._place + 1) % SPAN
        return np.asarray(self._past.sum(0) / max(float(SPAN), self._seconds.sum()))

    def _learn(self, rates: Rates, seconds: float, calm: Flags) -> None:
        usual = self.state["usual"][calm]
        floor = np.maximum(usual, FLOORS)
        towards = np.minimum(rates.T[calm], TIMES * floor)  # what is beyond it is unusual, however much it is
        nearer = usual + (towards - usual) * min(1.0, seconds / LEARNING)
        self.state["usual"][calm] = np.clip(nearer, 0, floor * 2 ** (seconds / DOUBLING))


def by_thresholds(signs: Signs, rates: Rates, told: Thresholds) -> Signs:
    """The same, where the configuration says how many are an attack: that alone then."""
    syns, strays = np.isnan(told.syns) & told.learning, np.isnan(told.strays) & told.learning
    found = np.array([syns, syns, strays])
    least = np.array([told.syns, np.full(len(told.syns), np.nan), told.strays])  # what is compared with NaN, is not so
    return Signs(signs.begin & found | (rates >= least), signs.still & found | (rates >= least / STILL))


def largest(*rates: Rates | float) -> Rates:
    """Of several limits, that which is left."""
    return np.asarray(np.maximum.reduce(np.broadcast_arrays(*rates)), np.float64)
