"""What the lab's tests stand on: root or a visible skip, and small programs that make a lab and are then ended."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hardtack.lab.process import Process

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="the lab makes network namespaces: run the tests as root")

# A process with a lab of its own, which says what it made and then waits to be ended.
HOLDER = """
import time
from hardtack.lab import topology
from hardtack.lab.process import Process
with topology.routed() as net:
    child = Process(["sleep", "600"], net.server)
    print("ready", child.pid, *(place.name for place in (net.client, net.front, net.server)), flush=True)
    {work}
"""


class Holder:
    """A running HOLDER: the names of its namespaces and the pid of its child."""

    def __init__(self, work: str = "time.sleep(600)") -> None:
        self.process = Process([sys.executable, "-c", HOLDER.format(work=work)])
        _, child, *self.names = self.process.wait_for("^ready ", 30).split()
        self.child = int(child)

    def remains(self) -> list[str]:
        """What is left of it: names of namespaces, pid of the child."""
        left = [name for name in self.names if Path("/run/netns", name).exists()]
        return left + ([str(self.child)] if running(self.child) else [])


def running(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def eventually(condition: Callable[[], bool], seconds: float = 10) -> bool:
    """Whether `condition` comes true in time: for what the kernel does by and by."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
