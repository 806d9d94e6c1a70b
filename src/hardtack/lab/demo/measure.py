"""What is measured, and when: the kernel's counters read again and again, and what the honest clients report."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from hardtack.lab.counters import tcp_events, traffic
from hardtack.lab.cpu import nanoseconds
from hardtack.lab.demo.stage import Stage
from hardtack.lab.packets.recipe import Kind
from hardtack.lab.patrol import Result


@dataclass(frozen=True)
class Reading:
    """Counters at one moment. `at`: s, monotonic. Frames are of the front's receive queue, since it was made."""

    at: float
    taken: int  # frames that the front took from its queue
    lost: int  # frames that found the queue full
    receiving_ns: int  # CPU time of the front's receiving threads
    softirq_ticks: int  # of the front's CPU, inside those threads or not
    all_ticks: int
    cookies_sent: int  # by the server's own kernel
    resets_sent: int


@dataclass(frozen=True)
class Phase:
    """What there is to see. `key` is its name in the JSON; `flood`: what the attacker sends; `defended`: by hardtack."""

    key: str
    title: str
    flood: Kind | None = None
    defended: bool = False

    @property
    def flooded(self) -> bool:
        """Whether there is an attack."""
        return self.flood is not None


@dataclass
class Measured:
    """What a phase brought. `reports` are the patrol's; its first one covers the time from `began` on."""

    phase: Phase
    began: float
    readings: list[Reading] = field(default_factory=list)
    reports: list[dict[str, Any]] = field(default_factory=list)

    @property
    def requests(self) -> Result:
        """All requests that began in this phase; all of them ended in it, too."""
        result = Result()
        for report in self.reports:
            result.add(report)
        return result

    @property
    def seconds(self) -> float:
        """Between the first reading and the last."""
        return self.readings[-1].at - self.readings[0].at if self.readings else 0.0

    def grown(self, name: str) -> int:
        """By how much a counter grew from the first reading to the last."""
        return int(getattr(self.readings[-1], name) - getattr(self.readings[0], name)) if self.readings else 0

    def per_second(self, *names: str) -> float:
        """The same per second, summed over counters."""
        return sum(map(self.grown, names)) / self.seconds if self.seconds else 0.0

    def each_second(self) -> Iterator[tuple[float, float, float, float]]:
        """For the patrol's intervals: when each began and ended (s, monotonic), requests served and failed per second."""
        at = self.began
        for report in self.reports:
            seconds = max(report["seconds"], 1e-3)
            yield at, at + seconds, report["succeeded"] / seconds, sum(report["failures"].values()) / seconds
            at += seconds


def whole(reports: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Reports without a last one of a fraction of a second, whose rates would mean nothing: the one before takes it in."""
    if len(reports) < 2 or reports[-1]["seconds"] > reports[-2]["seconds"] / 2:
        return reports
    both = Result()
    for report in reports[-2:]:
        both.add(report)
    return [*reports[:-2], vars(both)]


def rates(readings: Iterable[Reading]) -> Iterator[tuple[float, float, float, float]]:
    """Between each two readings: when that was (from, to: s, monotonic), frames per second sent, and taken."""
    for earlier, later in pairwise(readings):
        if (seconds := later.at - earlier.at) > 0:
            taken = later.taken - earlier.taken
            yield earlier.at, later.at, (taken + later.lost - earlier.lost) / seconds, taken / seconds


def read(stage: Stage, pids: list[int]) -> Reading:
    """All counters now; `pids` are the receiving threads'."""
    events = tcp_events(stage.net.server)
    answers = events["TcpExtSyncookiesSent"], events["TcpOutRsts"]
    frames, at = traffic(stage.net.outside), time.monotonic()
    receiving = sum(map(nanoseconds, pids))
    return Reading(at, frames.received, frames.receive_drops, receiving, *ticks(stage.front), *answers)


def ticks(number: int) -> tuple[int, int]:
    """Ticks (1/100 s) that a CPU spent in softirqs, and all its ticks, since boot (/proc/stat)."""
    for line in Path("/proc/stat").read_text(encoding="ascii").splitlines():
        if line.startswith(f"cpu{number} "):
            spent = [int(word) for word in line.split()[1:9]]  # guest time is in user time already
            return spent[6], sum(spent)
    raise LookupError(f"cpu{number}: not on this machine")
