"""Which MAC address a host's frames come from: the `origins` table, kept as the kernel knows its neighbours.

Several hosts may be behind one `inside` interface, and one of them, taken over, could speak in another's name: end its
connections, or open holes for strangers. So a frame teaches only if it comes from where frames for its sender would go, as
far as that is known: the MAC address that is configured, or that of a neighbour of this machine. What comes by way of a
router has the router's, which says nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from hardtack.control.config import Address, Config, Host
from hardtack.control.next_hops import LOOK_AGAIN, Entries, concerned
from hardtack.control.tables import addresses_of
from hardtack.kernel import routes
from hardtack.kernel.route_events import Events
from hardtack.kernel.routes import Routing
from hardtack.packet.layout import Origin

ANYBODY = bytes(Origin.itemsize)
NOBODY = b"\xff" * Origin.itemsize  # no MAC address is so long: what this machine sends itself does not come in


@dataclass
class Source:
    """An address whose frames are to come from a neighbour, its place in the table, and which neighbour that is."""

    place: int
    address: Address
    neighbour: tuple[int, bytes] | None = None  # interface and address
    entry: bytes = ANYBODY


class Origins:
    """Keeps the `origins` table of a front. To be made where the front's interfaces are; then no capability is needed.

    Whoever keeps the next hops has the kernel ask for neighbours; here they are only looked at.
    """

    def __init__(self, config: Config, table: Entries) -> None:
        self._table = table
        self._kernel = Routing()
        self._events = Events()  # before the first look, so that nothing falls in between
        self._all: list[Source] = []
        for place, (host, address) in enumerate(addresses_of(config)):
            if host.via in ("kernel", "direct"):
                self._all.append(Source(place, address))
            else:
                self._table.update(key_of(place), fixed(host))
        self._looked = -LOOK_AGAIN  # when everything was looked at
        self._again = True

    def fileno(self) -> int:
        """Readable when there is news."""
        return self._events.fileno()

    def follow(self) -> None:
        """Read the news, and act on what concerns us. OSError if the kernel does not answer."""
        if news := self._events.read():
            self._look(concerned(self._all, news))
            self._again |= news.everything  # what it is news of may have only begun

    def write(self) -> None:
        """Bring everything up to date. To be called at the start, then every second or so: mostly there is nothing to do."""
        now = time.monotonic()
        if self._again or now - self._looked >= LOOK_AGAIN:
            self._looked, self._again = now, False
            self._look(self._all)

    def close(self) -> None:
        """Hear no more news; the table stays as it is."""
        self._events.close()
        self._kernel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _look(self, those: Iterable[Source]) -> None:
        """Ask the kernel for each one's neighbour, and write what has changed."""
        for one in those:
            entry = self._entry(one)
            if entry != one.entry:
                one.entry = entry
                self._table.update(key_of(one.place), entry)

    def _entry(self, one: Source) -> bytes:
        """Its neighbour's MAC address, if it is one itself, and known now."""
        one.neighbour = None
        route = self._kernel.route(one.address.packed)
        if not route or route.kind != routes.UNICAST or route.gateway or route.encapsulated:
            return ANYBODY
        one.neighbour = route.interface, one.address.packed
        state, mac = self._kernel.neighbour(*one.neighbour)
        return word(mac) if state & routes.USABLE and len(mac) == 6 else ANYBODY


def fixed(host: Host) -> bytes:
    """The entry of a host whose frames come from one MAC address for ever, or from this machine."""
    return word(bytes.fromhex(host.mac.replace(":", ""))) if host.mac else NOBODY


def word(mac: bytes) -> bytes:
    """A MAC address as an entry."""
    return mac.ljust(Origin.itemsize, b"\0")


def key_of(place: int) -> bytes:
    """The key of an address's entry."""
    return place.to_bytes(4, "little")
