"""CPU time: which kernel thread takes an interface's frames, where it runs, and how long it ran.

With threaded NAPI a receiving queue is served by a kernel thread of its own, `napi/<interface>-<id>`, instead of
whichever CPU the frame came in on: a test can pin it, and read the cost of receiving as that thread's time.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hardtack.lab.launch import fresh_sysfs
from hardtack.lab.links import Interface
from hardtack.lab.namespaces import LabError
from hardtack.lab.process import Process

IDLER = """
import os
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
print("ready", flush=True)
while True:
    pass
"""


def thread_receivers(
    interface: Interface, cpu: int | None = None, *, realtime: bool = False, deadline: float = 2.0
) -> list[int]:
    """Give the interface's receive queues threads of their own; their pids, pinned to `cpu` if given.

    A softirq, which they stand for, goes before any process: so do they, at least by niceness. `realtime` makes that
    strict, so that no queue overflows only because its thread had to wait; a flood beyond what the thread can do then
    takes nearly all of that CPU.

    The interface needs GRO or an XDP program first, else it has no NAPI. Call it again after either changed: the kernel
    then made new threads.
    """
    interface.namespace.call(_make_threaded, interface.name)
    end = time.monotonic() + deadline
    while not (pids := _receivers(interface.name)):
        if time.monotonic() > end:
            raise LabError(f"{interface.name}: the kernel made no NAPI thread; does it have GRO or XDP?")
        time.sleep(0.01)
    for pid in pids:
        os.setpriority(os.PRIO_PROCESS, pid, -20)
        policy, rank = (os.SCHED_FIFO, 1) if realtime else (os.SCHED_OTHER, 0)
        os.sched_setscheduler(pid, policy, os.sched_param(rank))
        if cpu is not None:
            os.sched_setaffinity(pid, {cpu})
    return pids


def _make_threaded(name: str) -> None:
    """In the calling thread's own mount namespace, which ends with it."""
    fresh_sysfs()
    Path("/sys/class/net", name, "threaded").write_text("1", encoding="ascii")


def _receivers(name: str) -> list[int]:
    """Lab interfaces have names of their own on the whole machine, so the thread's name is enough."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and (entry / "comm").read_text().startswith(f"napi/{name}-"):
                found.append(int(entry.name))
    return found


@contextmanager
def kept_awake(number: int) -> Iterator[None]:
    """A CPU that never sleeps: a process there does nothing, and only when nobody else wants to run.

    To wake a sleeping virtual CPU may take the hypervisor longer than a veth's queue lasts at a million frames a second.
    """
    with Process([sys.executable, "-ISc", IDLER], cpu=number) as idler:
        idler.wait_for("^ready$")
        yield


def nanoseconds(pid: int) -> int:
    """How long a process's main thread has been on a CPU, ns (/proc/PID/schedstat)."""
    return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0])


def busy(cpu: int) -> tuple[int, int]:
    """Ticks (1/100 s) that a CPU was busy, and all ticks, since boot (/proc/stat)."""
    for line in Path("/proc/stat").read_text(encoding="ascii").splitlines():
        if line.startswith(f"cpu{cpu} "):
            ticks = [int(word) for word in line.split()[1:9]]  # guest time is in user time already
            return sum(ticks) - ticks[3] - ticks[4], sum(ticks)  # idle, iowait
    raise LookupError(f"cpu{cpu}: not on this machine")
