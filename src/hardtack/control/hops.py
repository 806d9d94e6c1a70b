"""Where frames for an address go: as the configuration has it, or as the kernel would send them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from hardtack import journal
from hardtack.control.configuration.schema import Host
from hardtack.control.configuration.values import Address
from hardtack.control.exits import Exit, closed
from hardtack.control.tables import next_hop_entry
from hardtack.kernel import routes
from hardtack.kernel.routes import Link, Routing
from hardtack.packet.layout import BY_KERNEL

NOT_KNOWN = BY_KERNEL.to_bytes(8, "little")
MOST_NAMES = 10  # of hosts in a line of the journal


@dataclass(frozen=True)
class Hop:
    """Where frames for an address go. Without `mac`: to the kernel, and `why`; `lasting`: somebody must do something.

    `near`: the MAC address is the host's own, and no router's.
    """

    mac: bytes = b""
    place: int = 0
    interface: str = ""
    why: str = ""
    lasting: bool = False
    near: bool = False

    @property
    def entry(self) -> bytes:
        """Net.next_hop."""
        return next_hop_entry(self.mac, self.place) if self.mac else NOT_KNOWN


@dataclass
class Destination:
    """A protected address, its place in the table, and what is known of the way there."""

    place: int
    host: Host
    address: Address
    hop: Hop | None = None
    neighbour: tuple[int, bytes] | None = None  # interface and address of whom the frames go to
    state: int = 0  # of this neighbour: NUD_*


class Hops:
    """The ways there are at one moment. `exits`: as they are; which of them are shut is found out here. OSError."""

    def __init__(self, exits: Sequence[Exit], kernel: Routing) -> None:
        self._exits, self._kernel, self._shut = exits, kernel, closed(exits, kernel)
        self._links: Callable[[int], Link | None] = cache(kernel.link)
        self._neighbours: Callable[[int, bytes], tuple[int, bytes]] = cache(kernel.neighbour)
        self._place_of = {one.index: place for place, one in enumerate(exits)}
        self._place_named = {one.name: place for place, one in enumerate(exits)}

    def of(self, one: Destination) -> Hop:
        """The way to a destination with via = "direct" or "mac"; its neighbour is known then, if there is one."""
        return self._direct(one) if one.host.via == "direct" else self._fixed(one.host)

    def _fixed(self, host: Host) -> Hop:
        """As the configuration has it."""
        place = self._place_named[host.out] if host.out else 0
        if place in self._shut:
            return Hop(why=self._shut[place].why, lasting=self._shut[place].lasting)
        assert host.mac
        mac = bytes.fromhex(host.mac.replace(":", ""))
        return Hop(mac, place, self._exits[place].name or "where it came in", near=True)

    def _direct(self, one: Destination) -> Hop:
        """As the kernel would send it."""
        one.neighbour, one.state = None, 0
        route = self._kernel.route(one.address.packed)
        link = self._links(route.interface) if route else None
        if not route or not link or route.kind not in (routes.UNICAST, routes.LOCAL):
            return Hop(why=f"no route to {one.address}")
        if route.kind == routes.LOCAL:
            return Hop(why=f'{one.address} is an address of this machine: use via = "local"', lasting=True)
        if route.encapsulated:
            return Hop(why=f"the route to {one.address} uses a tunnel encapsulation", lasting=True)
        if link.vlan and link.vlan != one.host.vlan:
            return Hop(why=f"{link.name} is an interface of VLAN {link.vlan}: use vlan = {link.vlan}", lasting=True)
        place = self._place_of.get(link.lower or link.index)
        if place is None:
            return Hop(why=f"{link.name} is too new, or one interface too many: restart the front", lasting=True)
        if place in self._shut:
            return Hop(why=self._shut[place].why, lasting=self._shut[place].lasting)
        if min(route.mtu or link.mtu, link.mtu) < self._exits[place].mtu:
            return Hop(why=f"the route to {one.address} has a smaller MTU than {self._exits[place].name}", lasting=True)
        one.neighbour = link.index, route.gateway or one.address.packed
        one.state, mac = self._neighbours(*one.neighbour)
        if not one.state & routes.USABLE or len(mac) != 6 or not any(mac):
            return Hop(why="the MAC address of its next hop is not known")
        return Hop(mac, place, self._exits[place].name, near=not route.gateway)


def tell(hop: Hop, names: Sequence[str]) -> None:
    """One line of the journal on the hosts that have a new way."""
    more = f",+{len(names) - MOST_NAMES}" if len(names) > MOST_NAMES else ""
    hosts = ",".join(names[:MOST_NAMES]) + more
    if hop.mac:
        journal.note("next-hop", hosts=hosts, interface=hop.interface, mac=hop.mac.hex(":"))
    else:
        journal.note("by-kernel", logging.WARNING if hop.lasting else logging.INFO, hosts=hosts, why=hop.why)
