"""Heavy computing beside the front's own work: in a child of low priority, whose time and memory are bounded."""

from __future__ import annotations

import gc
import os
import resource
import signal
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from hardtack.kernel import privileges

LONGEST, CPU_SECONDS = 90.0, 45  # s; what takes longer is given up
MEMORY = 512 << 20  # bytes, beyond what the front has
PAGE = os.sysconf("SC_PAGESIZE")
MOST_ANSWER = 8 << 20  # bytes
GENTLE = 19  # nice(2)
NAME = b"hardtack-report"  # as `ps` shows it: 15 letters at most


class Child:
    """One that computes. Looked at from time to time; never waited for."""

    def __init__(self, work: Callable[[], bytes], kept: int = -1) -> None:
        """`work` finds this process as it is now, but no file is open there except `kept`. OSError."""
        self._pipe, theirs = os.pipe()
        os.set_blocking(self._pipe, False)
        self._due, self._answer, self._ended = time.monotonic() + LONGEST, b"", False
        self.pid = os.fork()
        if not self.pid:
            run(work, theirs, kept)
        os.close(theirs)

    def look(self) -> bytes | None:
        """Its answer once it has ended, b"" if it has none; None while it computes."""
        with suppress(BlockingIOError):
            while some := os.read(self._pipe, 1 << 16):
                self._answer += some
            self._ended = True
        if not self._ended and time.monotonic() < self._due and len(self._answer) < MOST_ANSWER:
            return None
        complete = self._ended
        self.end()
        return self._answer if complete else b""

    def end(self) -> None:
        """It is no more, whatever it did."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)
        os.close(self._pipe)


def run(work: Callable[[], bytes], pipe: int, kept: int) -> None:
    """The child: its answer, and its end."""
    status = 1
    try:
        become(pipe, kept)
        answer = work()
        while answer:
            answer = answer[os.write(pipe, answer) :]
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def become(pipe: int, kept: int) -> None:
    """Nothing of the front's but its memory; gentle, mortal."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL if number != signal.SIGHUP else signal.SIG_IGN)
    for fd in {int(path.name) for path in Path("/proc/self/fd").iterdir()} - {0, 1, 2, pipe, kept}:
        with suppress(OSError):  # that of the listing itself
            os.close(fd)
    gc.freeze()
    with suppress(OSError):
        privileges.prctl(privileges.PR_SET_PDEATHSIG, signal.SIGKILL)
        privileges.name_process(NAME)
        os.nice(GENTLE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        size = int(Path("/proc/self/statm").read_text().split()[0]) * PAGE + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
