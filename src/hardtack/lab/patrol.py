"""Honest HTTP clients that fetch all the time, in a process of their own: how many requests succeed, and how fast.

with patrolling(client, [("192.0.2.10", 80), ("2001:db8::10", 80)], "/small", SMALL) as patrol:
    ...
print(patrol.result().succeeded, patrol.result().connect_ms(50), patrol.result().connect_ms(99))
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from hardtack.lab.namespaces import Namespace
from hardtack.lab.process import Process

TIMEOUT = 3.0  # s, for a whole request: long enough for one lost SYN (RFC 6298: 1 s), not for two


@dataclass
class Result:
    """What became of the requests of some time."""

    seconds: float = 0.0
    succeeded: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    connect_us: list[int] = field(default_factory=list)
    total_us: list[int] = field(default_factory=list)

    @property
    def failed(self) -> int:
        """Requests that failed, for whatever reason."""
        return sum(self.failures.values())

    def connect_ms(self, percentile: float) -> float:
        """Time until the connection stood, of the requests that succeeded, in ms; NaN if there were none."""
        ordered = sorted(self.connect_us)
        if not ordered:
            return float("nan")
        return ordered[min(len(ordered) - 1, int(len(ordered) * percentile / 100))] / 1000

    def add(self, report: dict[str, Any]) -> None:
        """Take in one line of the patrol's."""
        self.seconds += report["seconds"]
        self.succeeded += report["succeeded"]
        for kind, number in report["failures"].items():
            self.failures[kind] = self.failures.get(kind, 0) + number
        self.connect_us += report["connect_us"]
        self.total_us += report["total_us"]


class Patrol:
    """A patrol on its way."""

    def __init__(self, process: Process) -> None:
        self.process = process

    def result(self, start: int = 0) -> Result:
        """Everything from report number `start` on; complete once the patrol has ended."""
        result = Result()
        for report in self.reports()[start:]:
            result.add(report)
        return result

    def reports(self) -> list[dict[str, Any]]:
        """Its reports so far, one for each interval; patroller.py says what is in them."""
        return [json.loads(line) for line in self.process.lines if line.startswith("{")]


@contextmanager
def patrolling(
    client: Namespace,
    places: Iterable[tuple[str, int]],
    path: str,
    size: int,
    *,
    workers: int = 8,
    pause: float = 0.01,
    interval: float = 1.0,
    timeout: float = TIMEOUT,
    cpu: int | None = None,
) -> Iterator[Patrol]:
    """Fetch `path`, which has `size` bytes, from every (address, port) in turn, until the block ends.

    On leaving, requests under way come to their end and are counted. `pause` (s) is between a worker's requests,
    `timeout` (s) for each of them.
    """
    command: list[object] = [sys.executable, "-m", "hardtack.lab.patroller", "--path", path, "--size", size]
    command += ["--workers", workers, "--pause", pause, "--interval", interval, "--timeout", timeout]
    for address, port in places:
        command += ["--place", address, port]
    with Process(command, client, cpu=cpu) as process:
        process.wait_for("^ready$")
        yield Patrol(process)
        process.stop(timeout=timeout + 5)
