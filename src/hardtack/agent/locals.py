"""The table `locals`: which addresses the kernel delivers to this machine, as its routes of type `local` say.

That is every address of an interface, in whatever table (VRF), and what `ip route add local` gives.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Protocol, Self

from hardtack.kernel.netlink import SOL_NETLINK, STRICT_CHECK, attributes, dump, opened
from hardtack.kernel.route_events import Events
from hardtack.kernel.routes import GETROUTE, LOCAL, NO_FAMILY, RTA_DST

LOOK_AGAIN = 30.0  # s after which all is looked at again, should news have been missed
MAPPED = bytes(10) + b"\xff\xff"  # before an IPv4 address: ::ffff:0:0/96
THERE = bytes(4)


class Entries(Protocol):
    """The table."""

    def update(self, key: bytes, value: bytes) -> None:
        """Write one entry."""

    def delete(self, key: bytes) -> bool:
        """Take one out."""


class Locals:
    """Keeps the table, new and empty at first. To be made where the agent's interface is; then no capability is needed."""

    def __init__(self, table: Entries) -> None:
        self._table = table
        self._events = Events()  # before the first look, so that nothing falls in between
        self._there: set[bytes] = set()
        self._looked = -LOOK_AGAIN

    def fileno(self) -> int:
        """Readable when there is news."""
        return self._events.fileno()

    def follow(self) -> None:
        """Read the news: of addresses they are of everything; of routes there may be many, they can wait. OSError."""
        if self._events.read().everything:
            self._look()

    def write(self) -> None:
        """Bring it up to date, if it may not be. OSError, BpfError."""
        if time.monotonic() - self._looked >= LOOK_AGAIN:
            self._look()

    def close(self) -> None:
        """Hear no more news; the table stays as it is."""
        self._events.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _look(self) -> None:
        """What has come first: nobody may miss what stays."""
        self._looked = time.monotonic()
        there = set(local_keys())
        for key in there - self._there:
            self._table.update(key, THERE)
        for key in self._there - there:
            self._table.delete(key)
        self._there = there


def local_keys() -> Iterator[bytes]:
    """The keys of all that is local here, in this thread's network namespace. OSError."""
    with opened(socket.NETLINK_ROUTE) as kernel:
        kernel.setsockopt(SOL_NETLINK, STRICT_CHECK, 1)
        for family in (socket.AF_INET, socket.AF_INET6):
            try:
                for route in dump(kernel, GETROUTE, struct.pack("=BBBBBBBBI", family, 0, 0, 0, 0, 0, 0, LOCAL, 0)):
                    yield key_of(route[1], attributes(route[12:]).get(RTA_DST, b""), old=route[0] == socket.AF_INET)
            except OSError as error:
                if error.errno not in NO_FAMILY:
                    raise


def key_of(length: int, address: bytes, *, old: bool) -> bytes:
    """A network as the table has it. `old`: IPv4."""
    if old:
        length, address = 96 + length, MAPPED + address.ljust(4, b"\0")
    return struct.pack("=I", length) + address.ljust(16, b"\0")
