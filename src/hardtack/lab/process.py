"""Processes inside the lab's namespaces: started, listened to with a deadline, stopped by pid, always reaped."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from signal import SIGTERM

from hardtack.lab import launch
from hardtack.lab.namespaces import LabError, Namespace

PACKAGES = Path(__file__).parents[2]  # where `hardtack` is imported from: a child must import the same


class ProcessFailed(LabError):
    """A process ended, or stayed silent, when a line was expected of it; the message ends with what it said."""


def launched(
    command: Sequence[object], inside: Namespace | None, *, sysfs: bool = False, cpu: int | None = None
) -> list[str]:
    """The command line that runs `command` (strings, paths) in a namespace, on one CPU; it dies with this process."""
    place = str(inside.path) if inside else ""
    pinned = "" if cpu is None else str(cpu)
    start = [sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), place, "01"[sysfs], pinned, "--"]
    return [*start, *map(str, command)]


def environment(**extra: str) -> dict[str, str]:
    """This process's environment, with this very `hardtack` importable and output unbuffered."""
    paths = [str(PACKAGES), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1", "PYTHONSAFEPATH": "1", **extra}


def run(
    command: Sequence[object], inside: Namespace | None, *, timeout: float = 30, sysfs: bool = False
) -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end; what it printed and its exit status. subprocess.TimeoutExpired, and it is killed."""
    line = launched(command, inside, sysfs=sysfs)
    nothing = subprocess.DEVNULL
    return subprocess.run(line, capture_output=True, timeout=timeout, env=environment(), stdin=nothing, check=False)


class Process:
    """A process that keeps running. Its output, both streams, is read into `lines` all the time.

    Start it from a thread that outlives it: a child of the lab dies with the thread that made it.
    """

    def __init__(
        self,
        command: Sequence[object],
        inside: Namespace | None = None,
        *,
        sysfs: bool = False,
        cpu: int | None = None,
    ) -> None:
        self.command = [str(part) for part in command]
        self.lines: list[str] = []
        self._news = threading.Condition()
        self._quiet = False
        self._popen = subprocess.Popen(
            launched(command, inside, sysfs=sysfs, cpu=cpu),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment(),
            text=True,
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read, name=f"reader of {self.pid}", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._popen.pid

    @property
    def returncode(self) -> int | None:
        """Exit status, negative for a signal; None while it runs."""
        return self._popen.poll()

    def wait_for(self, pattern: str, timeout: float = 10, start: int = 0) -> str:
        """The first line from number `start` on that `pattern` is found in.

        ProcessFailed if the process ends without it, or `timeout` seconds pass.
        """
        wanted, deadline = re.compile(pattern), time.monotonic() + timeout
        with self._news:
            while True:
                while start < len(self.lines):
                    if wanted.search(self.lines[start]):
                        return self.lines[start]
                    start += 1
                if self._quiet:
                    raise ProcessFailed(self._story(f"ended without saying {pattern!r}"))
                if not self._news.wait(deadline - time.monotonic()):
                    raise ProcessFailed(self._story(f"did not say {pattern!r} in {timeout} s"))

    def wait(self, timeout: float = 30) -> int:
        """Its exit status, once it has ended by itself and everything it said is in `lines`."""
        try:
            status = self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise ProcessFailed(self._story(f"still runs after {timeout} s")) from None
        self._reader.join(timeout)
        return status

    def succeed(self, timeout: float = 30) -> None:
        """Wait for its end, which must be a good one: ProcessFailed for any exit status but 0."""
        if status := self.wait(timeout):
            raise ProcessFailed(self._story(f"ended with status {status}"))

    def send(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        self._popen.send_signal(number)

    def stop(self, number: int = SIGTERM, timeout: float = 5) -> int:
        """End it: `number`, then SIGKILL after `timeout` seconds. Its exit status; harmless if it has ended before."""
        self.send(number)
        try:
            status = self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            status = self._popen.wait()
        self._reader.join(1)  # a grandchild may hold the pipe open: its namespace's removal ends it
        return status

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _read(self) -> None:
        assert self._popen.stdout is not None
        for line in self._popen.stdout:
            with self._news:
                self.lines.append(line.rstrip("\n"))
                self._news.notify_all()
        with self._news:
            self._quiet = True
            self._news.notify_all()
        self._popen.stdout.close()
        self._popen.wait()  # reaped, even if nobody asks after it

    def _story(self, what: str) -> str:
        last = "\n  ".join(self.lines[-15:]) or "(it said nothing)"
        return f"{' '.join(self.command)} {what}; it said:\n  {last}"
