"""Network namespaces of the lab: made under a name that says whose they are, entered, emptied, removed, swept up.

A name is `ht<pid>-<random>-<role>`. The pid is the process whose lab it is, so that a later run can tell what a crashed
one left behind (`sweep`). Being ours is never judged by the name alone: `Namespace.identity` is the kernel's own.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from pyroute2 import netns

from hardtack.kernel import lock, pins
from hardtack.mistake import Mistake

DIRECTORY = Path("/run/netns")
NAME = re.compile(r"ht(?P<pid>\d+)-(?P<token>[0-9a-f]+)-(?P<role>[a-z]+)")
CLONE_NEWNET = 0x40000000  # linux/sched.h

P = ParamSpec("P")
T = TypeVar("T")

Identity = tuple[int, int]  # device and inode of a namespace's file: equal only if the namespace is the same


class LabError(Mistake):
    """Something about the lab that its user can put right; the message says what and how."""


def identity_of(path: Path | str) -> Identity:
    """Which network namespace a file such as /proc/self/ns/net stands for. OSError if there is none."""
    status = os.stat(path)  # noqa: PTH116 - the links under /proc are magic: they must be followed by the kernel itself
    return status.st_dev, status.st_ino


@dataclass(frozen=True)
class Namespace:
    """One network namespace that a lab made."""

    name: str
    identity: Identity

    @property
    def path(self) -> Path:
        """The file that stands for the namespace."""
        return DIRECTORY / self.name

    @property
    def alive(self) -> bool:
        """Whether the name still stands for the very namespace that was made under it."""
        with suppress(FileNotFoundError):
            return identity_of(self.path) == self.identity
        return False

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `function` gives, or raises, inside the namespace, in a thread made for this one call.

        Sockets opened there stay in the namespace and may be used from anywhere. What is the thread's own must be read
        through /proc/thread-self. Start no process in there: see `hardtack.lab.process`.
        """

        def inside() -> T:
            netns.setns(str(self.path), flags=0, fork=False)
            return function(*args, **kwargs)

        with ThreadPoolExecutor(1, thread_name_prefix=self.name) as pool:
            return pool.submit(inside).result()

    def sysctl(self, key: str, value: int | str) -> None:
        """Set e.g. `net.ipv4.tcp_sack`; in interface names, a dot is not supported."""
        self.call(_sysctl_path(key).write_text, str(value), encoding="ascii")

    def read_sysctl(self, key: str) -> str:
        """What `key` is now, without the newline."""
        return self.call(_sysctl_path(key).read_text, encoding="ascii").strip()

    def processes(self) -> list[int]:
        """Pids of the processes whose main thread is inside, whoever started them."""
        return _processes_in(self.identity)


def _sysctl_path(key: str) -> Path:
    return Path("/proc/sys") / key.replace(".", "/")


def create(name: str) -> Namespace:
    """A new namespace under `name`, with loopback down. LabError without the rights."""
    if os.geteuid() != 0:
        raise LabError("the lab makes network namespaces, which takes root: run it again with sudo")
    libc = ctypes.CDLL(None, use_errno=True)

    def make() -> None:
        if libc.unshare(CLONE_NEWNET) < 0:
            raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWNET): a container may lack CAP_SYS_ADMIN")
        netns.attach(name, threading.get_native_id())

    # A thread of its own, not pyroute2's create(): that forks, which a process with threads must not do.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(make).result()
    return Namespace(name, identity_of(DIRECTORY / name))


def sweep() -> list[str]:
    """Remove what labs of dead processes left behind; the names removed. A living process's lab is never touched."""
    swept = []
    for name in netns.listnetns():
        match = NAME.fullmatch(name)
        if match and not Path("/proc", match["pid"]).exists():
            discard(name)
            swept.append(name)
    return swept


def discard(name: str) -> None:
    """Kill what still runs in a namespace, remove what is pinned for it, take its name away: the kernel frees the rest.

    A crash between making the file and mounting the namespace on it leaves a plain file, which is only unlinked.
    """
    path = DIRECTORY / name
    with suppress(FileNotFoundError):  # another sweep may be faster
        if path.stat().st_dev == DIRECTORY.stat().st_dev:
            path.unlink()
            return
        identity = identity_of(path)
        _empty(identity)
        _unpin(identity)  # while the name is there: what a crash leaves is found by it
        netns.remove(name)


def _processes_in(identity: Identity) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with suppress(OSError):  # gone in the meantime
                if identity_of(entry / "ns/net") == identity:
                    found.append(int(entry.name))
    return found


def _empty(identity: Identity, deadline: float = 5.0) -> None:
    """Kill every process inside; `deadline` in seconds. A namespace lives as long as anything lives in it."""
    end = time.monotonic() + deadline
    while (pids := _processes_in(identity)) and time.monotonic() < end:
        for pid in pids:
            with suppress(ProcessLookupError, FileNotFoundError):
                _kill_if_inside(pid, identity)
        time.sleep(0.01)


def _unpin(identity: Identity) -> None:
    """Take off what fronts and agents have left at work in a namespace, with all files that tell of it."""
    for folder in pins.folders():
        if folder.namespace == identity[1]:
            folder.remove()
    for path in lock.FOLDER.glob(f"*-{identity[1]}-*"):
        path.unlink(missing_ok=True)


def _kill_if_inside(pid: int, identity: Identity) -> None:
    """Looked at again once a pidfd holds it: since it was listed, the number may have become another process's."""
    handle: Any = os.pidfd_open(pid)
    try:
        if identity_of(f"/proc/{pid}/ns/net") == identity:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
    finally:
        os.close(handle)
