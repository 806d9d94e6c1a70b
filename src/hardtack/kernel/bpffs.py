"""The file system in which pinned maps and links live."""

from __future__ import annotations

import ctypes
import fcntl
import os
from pathlib import Path

from hardtack.kernel.bpf import libc

USUAL = Path("/sys/fs/bpf")
MOUNTS = Path("/proc/self/mounts")


def mounted(path: Path = USUAL, mounts: Path = MOUNTS) -> bool:
    """Whether a bpffs is mounted at `path`, as this process sees it."""
    lines = (line.split() for line in mounts.read_text().splitlines())
    return any(fields[1] == str(path) and fields[2] == "bpf" for fields in lines)


def mount(path: Path = USUAL) -> None:
    """Mount a bpffs at `path`, an existing directory. OSError, e.g. EPERM: needs CAP_SYS_ADMIN."""
    if libc.mount(b"bpf", os.fsencode(path), b"bpf", 0, b"mode=0700") < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"cannot mount a bpffs at {path}: {os.strerror(number)}")


def ensure(path: Path = USUAL) -> None:
    """A bpffs is mounted at `path` from now on, once: of several processes that find none, one mounts it. OSError."""
    if mounted(path):
        return
    below = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)  # what it is mounted on: the same for all of them
    try:
        fcntl.flock(below, fcntl.LOCK_EX)
        if not mounted(path):
            mount(path)
    finally:
        os.close(below)


def devices(mountinfo: Path) -> set[str]:
    """Of all bpffs that are mounted there, major:minor: proc_pid_mountinfo(5). OSError."""
    lines = [line.partition(" - ") for line in mountinfo.read_text(errors="replace").splitlines()]
    return {fields.split()[2] for fields, _, kind in lines if kind.startswith("bpf ")}


def lasts(path: Path, proc: Path = Path("/proc")) -> bool:
    """Whether what is pinned at `path` stays when this process, and with it perhaps its mount namespace, has gone.

    It does if the first process sees that bpffs, too. `ip netns exec` makes a namespace that nobody else is in.
    """
    try:
        device = path.stat().st_dev
        return f"{os.major(device)}:{os.minor(device)}" in devices(proc / "1/mountinfo")
    except OSError:
        return True  # nobody can say


def unmount(path: Path) -> None:
    """Take it away, with everything pinned in it. OSError."""
    if libc.umount2(os.fsencode(path), 2) < 0:  # MNT_DETACH
        number = ctypes.get_errno()
        raise OSError(number, f"cannot unmount {path}: {os.strerror(number)}")
