"""What systemd is told of a service with Type=notify: sd_notify(3), without libsystemd. Standard library alone.

Whoever was not started by systemd tells nobody: NOTIFY_SOCKET is not set then.
"""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress


def notify(*lines: str) -> None:
    """Send these lines of KEY=value together. A systemd that does not listen is its own trouble, not ours."""
    path = os.environ.get("NOTIFY_SOCKET", "")
    if not path.startswith(("/", "@")):
        return
    address = "\0" + path[1:] if path.startswith("@") else path  # an abstract name
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
        line.setblocking(False)
        line.sendto("\n".join(lines).encode(errors="replace"), address)


def ready(status: str) -> None:
    """The start is done, or a reload."""
    notify("READY=1", status_line(status))


def reloading() -> None:
    """A reload begins."""
    notify("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")


def stopping() -> None:
    """The end begins."""
    notify("STOPPING=1")


def alive() -> None:
    """For WatchdogSec: without this for so long, systemd starts the service again."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid()) and os.environ.get("WATCHDOG_USEC"):
        notify("WATCHDOG=1")


def status_line(text: str) -> str:
    """What `systemctl status` shows: one line."""
    return "STATUS=" + " ".join(text.split())
