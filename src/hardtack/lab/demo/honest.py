"""The demo's honest clients: the lab's patrol, as patient as people are."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from hardtack.lab.demo.stage import PLACES, Stage
from hardtack.lab.patrol import Patrol
from hardtack.lab.process import Process
from hardtack.lab.servers import SMALL

CLIENTS = 16  # at once
PAUSE = 0.1  # s between a client's requests
PATIENCE = 10.0  # s for a whole request: about what people have (Nielsen 1993); browsers have more
INTERVAL = 1.0  # s between reports
START = 60.0  # s to begin, on a CPU that the flood keeps busy


@contextmanager
def clients(on: Stage) -> Iterator[Patrol]:
    """They fetch from the server's addresses in turn, until SIGTERM; then their last requests come to their end."""
    command: list[object] = [sys.executable, "-m", "hardtack.lab.patroller", "--path", "/small", "--size", SMALL]
    command += ["--workers", CLIENTS, "--pause", PAUSE, "--interval", INTERVAL, "--timeout", PATIENCE]
    for address, port in PLACES:
        command += ["--place", address, port]
    with Process(command, on.homes, cpu=on.front) as process:
        process.wait_for("^ready$", START)
        yield Patrol(process)
