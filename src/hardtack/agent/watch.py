"""Whether programs see what they should: others may take it before them, at this hook or in hardware, and nobody is told.

Looked at every ten seconds: what has passed an interface by its own count, and whether the program has run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from hardtack import journal
from hardtack.diagnosis.finding import Finding
from hardtack.diagnosis.telling import warn
from hardtack.image import ONLY
from hardtack.kernel import interfaces
from hardtack.kernel.maps import Map
from hardtack.packet.entries import frames_of

EVERY = 10  # seconds, as `until_ended` counts them
MANY = 100  # frames: of a few, all may have been lost before they came as far as a program

AT_TCX = "another program now runs before it (see `bpftool net`): restart hardtack here, and its program is first again"
AT_XDP = "the driver or the hardware handles them before XDP: switch offloads off (`ethtool -k`), or name another interface"


class Sight(Protocol):
    """What is to be seen at a place, and whether it is."""

    def passed(self) -> int:
        """How many frames the program should have seen so far. OSError: that cannot be said now."""

    def seen(self) -> bool:
        """Whether it has seen one since this was asked last."""


@dataclass
class Watch:
    """Warns once when frames pass and none is seen; says once when that is over. `remedy`: what to do then."""

    program: str
    interface: str
    remedy: str
    sight: Sight
    every: int = EVERY
    _looks: int = 0
    _told: bool = False
    _before: int | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._look()

    def write(self) -> None:
        """To be called every second."""
        self._looks += 1
        if self._looks % self.every == 0:
            self._look()

    def begin_anew(self) -> None:
        """What is to be seen is another thing from now on."""
        self._before = None

    def _look(self) -> None:
        try:
            now = self.sight.passed()
        except OSError:
            self._before = None
            return
        if self.sight.seen() or self._before is None:
            self._before = now
            if self._told:
                self._told = False
                journal.note("seen-again", program=self.program, interface=self.interface)
        elif now - self._before >= MANY and not self._told:
            self._told = True
            warn(self._finding(now - self._before))

    def _finding(self, frames: int) -> Finding:
        what = f"{frames:,} frames passed {self.interface}, but hardtack's program {self.program} saw none of them"
        return Finding("unseen", what, self.remedy)


class OthersDecide(OSError):
    """An XDP program of somebody else's says how much of what comes in goes on to the agent."""


@dataclass
class Arrivals:
    """For an agent that is alone on its interface: what comes in there, and its own counters."""

    index: int
    counters: Map
    counted: int = 0

    def passed(self) -> int:
        """What the interface has received."""
        traffic = interfaces.traffic(self.index)
        if traffic.xdp:
            raise OthersDecide
        return traffic.received

    def seen(self) -> bool:
        """Whether it has counted more."""
        before, self.counted = self.counted, sum(frames_of(self.counters.totals(ONLY)))
        return self.counted != before


def agents_watch(interface: str, counters: Map) -> Watch:
    """Of an agent that is alone on its interface."""
    return Watch("agent", interface, AT_TCX, Arrivals(interfaces.find(interface).index, counters))
