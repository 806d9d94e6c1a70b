"""TAP devices: what a process writes to one comes in by it, as from a wire. It goes with its last descriptor.

linux/if_tun.h
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from hardtack.mistake import Mistake

DEVICE = Path("/dev/net/tun")
TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI, IFF_MULTI_QUEUE = 0x0002, 0x1000, 0x0100
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP, IFF_NOARP = 0x8913, 0x8914, 0x1, 0x80


class TapError(OSError, Mistake):
    """A TAP device that could not be made."""

    status = 1

    def __str__(self) -> str:
        return f"{self.filename}: {self.strerror}"


class Tap:
    """One device, with so many descriptors to write frames to, each from its Ethernet header on. TapError.

    It is up, asks nobody anything, and has no address. Frames that the network stack sends there are lost.
    """

    def __init__(self, name: str, descriptors: int) -> None:
        self.fds: list[int] = []
        try:
            for _ in range(descriptors):
                self.fds.append(os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK))
                request = struct.pack("=16sH22x", name.encode(), IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE)
                name = fcntl.ioctl(self.fds[-1], TUNSETIFF, request)[:16].rstrip(b"\0").decode()
            self.name, self.index = name, socket.if_nametoindex(name)
            with suppress(OSError):  # there may be no IPv6, and a container's /proc may be read-only
                Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1", encoding="ascii")
            switch_on(name)
        except OSError as error:
            self.close()
            raise TapError(error.errno, reason(error), f"TAP device {name}") from None

    def close(self) -> None:
        """Remove it."""
        while self.fds:
            os.close(self.fds.pop())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def switch_on(name: str) -> None:
    """`ip link set NAME up arp off`."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as kernel:
        request = struct.pack("=16sH22x", name.encode(), 0)
        flags = struct.unpack_from("=H", fcntl.ioctl(kernel, SIOCGIFFLAGS, request), 16)[0]
        fcntl.ioctl(kernel, SIOCSIFFLAGS, struct.pack("=16sH22x", name.encode(), flags | IFF_UP | IFF_NOARP))


def reason(error: OSError) -> str:
    """What is wrong, and what to do."""
    if error.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return f"{DEVICE} is missing: `modprobe tun`, or let the container have it"
    if error.errno in (errno.EPERM, errno.EACCES):
        return "run as root, or with CAP_NET_ADMIN"
    if error.errno == errno.EBUSY:
        return "another process has a device of this name"
    return os.strerror(error.errno or 0)
