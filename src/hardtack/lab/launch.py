"""Enters a namespace and becomes a command: `python -I -S launch.py PARENT NETNS WITH_SYSFS CPU -- COMMAND ...`.

Its own small program because what it does must happen in the child alone, and a parent with threads cannot run Python
between fork and exec. The command dies with the process that started it (more exactly: with the thread that did).
Standard library only.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h
CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000  # linux/sched.h
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000  # linux/mount.h

libc = ctypes.CDLL(None, use_errno=True)


def must(result: int, what: str) -> None:
    """OSError, naming what failed, unless a libc call worked."""
    if result < 0:
        raise OSError(ctypes.get_errno(), f"{os.strerror(ctypes.get_errno())}: {what}")


def fresh_sysfs() -> None:
    """/sys/class/net as this namespace has it: sysfs shows the namespace it was mounted in. Nobody else sees it.

    Pinned BPF objects stay where they were. In a thread, this holds for the thread.
    """
    must(libc.unshare(CLONE_NEWNS), "unshare(CLONE_NEWNS)")
    must(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "making mounts private")
    bpf = os.open("/sys/fs/bpf", os.O_PATH) if os.path.ismount("/sys/fs/bpf") else -1
    must(libc.mount(b"sysfs", b"/sys", b"sysfs", 0, None), "mounting sysfs")
    if bpf >= 0:
        must(libc.mount(f"/proc/self/fd/{bpf}".encode(), b"/sys/fs/bpf", None, MS_BIND, None), "keeping /sys/fs/bpf")
        os.close(bpf)


def main() -> None:
    """As the module's docstring says. NETNS may be empty (stay), CPU too (any)."""
    parent, namespace, with_sysfs, cpu, _, *command = sys.argv[1:]
    must(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != int(parent):
        sys.exit("the process that started this is gone")
    if namespace:
        handle = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
        must(libc.setns(handle, CLONE_NEWNET), f"entering {namespace}")
    if with_sysfs == "1":
        fresh_sysfs()
    if cpu:
        os.sched_setaffinity(0, {int(cpu)})
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
