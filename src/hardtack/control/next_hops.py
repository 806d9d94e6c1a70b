"""Where frames for hosts with via = "direct" or "mac" go: Net.next_hop, kept as the kernel knows the way.

What the kernel does not know, or what only it can do, has no entry: the packet program then hands the frame to the kernel,
which asks for the neighbour, answers with an ICMP error, encapsulates. Entries are single words, written whole.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from hardtack import journal
from hardtack.control.configuration.schema import Config, Host
from hardtack.control.configuration.values import Address
from hardtack.control.exits import Closed, Exit, as_now, closed, usable
from hardtack.control.following import Entries, Follower
from hardtack.control.protected import Places, is_alone, networks_of
from hardtack.control.tables import exits_entry, next_hop_entry
from hardtack.image import ONLY
from hardtack.kernel import routes
from hardtack.kernel.routes import Link

BY_KERNEL = bytes(8)
STIR_AGAIN = 10.0  # s between attempts to have the kernel ask for a neighbour
MOST_NAMES = 10  # of hosts in a line of the journal


@dataclass(frozen=True)
class Hop:
    """Where frames for an address go. Without `mac`: to the kernel, and `why`; `lasting`: somebody must do something."""

    mac: bytes = b""
    place: int = 0
    interface: str = ""
    why: str = ""
    lasting: bool = False

    @property
    def entry(self) -> bytes:
        """Net.next_hop."""
        return next_hop_entry(self.mac, self.place) if self.mac else BY_KERNEL


@dataclass
class Destination:
    """A protected address, its place in the table, and what is known of the way there."""

    place: int
    host: Host
    address: Address
    hop: Hop | None = None
    neighbour: tuple[int, bytes] | None = None  # interface and address of whom the frames go to
    state: int = 0  # of this neighbour: NUD_*


class NextHops(Follower[Destination]):
    """Keeps Net.next_hop of a front's networks, and the MAC addresses of its `exits`."""

    def __init__(
        self, config: Config, places: Places, exits: Sequence[Exit], table: Entries, exits_table: Entries
    ) -> None:
        super().__init__(table)
        self._exits, self._exits_table = tuple(exits), exits_table
        self._usable = self._exits
        exits_table.update(ONLY, exits_entry(exits))
        self._place_of = {one.index: place for place, one in enumerate(exits)}
        self._place_named = {one.name: place for place, one in enumerate(exits)}
        self._stirred: dict[tuple[int, bytes], float] = {}
        self.configure(config, places)

    def configure(self, config: Config, places: Places) -> None:
        """Keep the ways to these from now on, beginning with the next `write`; what is known of those that stay, stays."""
        known = {one.place: one for one in self._all}
        self._all = [
            Destination(places[network], host, network.network_address)
            for host, network in networks_of(config)
            if host.via == "mac" or (host.via == "direct" and is_alone(network))  # else: to the kernel, which knows each
        ]
        for one in self._all:
            if (was := known.get(one.place)) and was.address == one.address:
                one.hop, one.neighbour, one.state = was.hop, was.neighbour, was.state
                del known[one.place]
        for place in known:  # nobody's now, or somebody else's: to the kernel, until there is a look
            self._table.update(place.to_bytes(4, "little"), BY_KERNEL)
        self._again = True

    def write(self) -> None:
        """Bring everything up to date, and have the kernel ask for neighbours that it does not know."""
        super().write()
        self._stir(time.monotonic())

    def _look(self, those: Iterable[Destination]) -> None:
        """Ask the kernel for the way to each; write and tell what has changed."""
        self._exits = as_now(self._exits, self._kernel)
        if (usable_now := usable(self._exits, self._kernel)) != self._usable:
            self._usable = usable_now
            self._exits_table.update(ONLY, exits_entry(usable_now))
        shut = closed(self._exits, self._kernel)
        links = cache(self._kernel.link)
        changed: dict[Hop, list[str]] = {}
        for one in those:
            hop = self._direct(one, shut, links) if one.host.via == "direct" else self._fixed(one.host, shut)
            if hop == one.hop:
                continue
            if one.hop is None or hop.entry != one.hop.entry:
                self._table.update(one.place.to_bytes(4, "little"), hop.entry)
            one.hop = hop
            changed.setdefault(hop, []).append(one.host.name)
        for hop, names in changed.items():
            tell(hop, list(dict.fromkeys(names)))

    def _fixed(self, host: Host, shut: dict[int, Closed]) -> Hop:
        """As the configuration has it."""
        place = self._place_named[host.out] if host.out else 0
        if place in shut:
            return Hop(why=shut[place].why, lasting=shut[place].lasting)
        assert host.mac
        return Hop(bytes.fromhex(host.mac.replace(":", "")), place, self._exits[place].name or "where it came in")

    def _direct(self, one: Destination, shut: dict[int, Closed], links: Callable[[int], Link | None]) -> Hop:
        """As the kernel would send it."""
        one.neighbour, one.state = None, 0
        route = self._kernel.route(one.address.packed)
        link = links(route.interface) if route else None
        if not route or not link or route.kind not in (routes.UNICAST, routes.LOCAL):
            return Hop(why=f"no route to {one.address}")
        if route.kind == routes.LOCAL:
            return Hop(why=f'{one.address} is an address of this machine: via = "local"?', lasting=True)
        if route.encapsulated:
            return Hop(why=f"the route to {one.address} encapsulates", lasting=True)
        if link.vlan and link.vlan != one.host.vlan:
            return Hop(why=f"{link.name} is an interface of VLAN {link.vlan}: vlan = {link.vlan}?", lasting=True)
        place = self._place_of.get(link.lower or link.index)
        if place is None:
            return Hop(why=f"{link.name} came after the start, or is one too many: restart the front", lasting=True)
        if place in shut:
            return Hop(why=shut[place].why, lasting=shut[place].lasting)
        if min(route.mtu or link.mtu, link.mtu) < self._exits[place].mtu:
            return Hop(why=f"the route to {one.address} has a smaller MTU than {self._exits[place].name}", lasting=True)
        one.neighbour = link.index, route.gateway or one.address.packed
        one.state, mac = self._kernel.neighbour(*one.neighbour)
        if not one.state & routes.USABLE or len(mac) != 6 or not any(mac):
            return Hop(why="its neighbour's MAC address is not known")
        return Hop(mac, place, self._exits[place].name)

    def _stir(self, now: float) -> None:
        """Have the kernel ask for neighbours it does not know, or has not heard of for long: frames that bypass it do not.

        Without this, a host that has got another network card, and does not say so, would lose its frames for ever.
        """
        for one in self._all:
            if not one.neighbour or one.state & (routes.USABLE & ~routes.STALE):
                continue
            if now - self._stirred.get(one.neighbour, -STIR_AGAIN) >= STIR_AGAIN:
                self._stirred[one.neighbour] = now
                if link := self._kernel.link(one.neighbour[0]):
                    routes.stir(link, one.neighbour[1])


def tell(hop: Hop, names: Sequence[str]) -> None:
    """One line of the journal on the hosts that have a new way."""
    more = f",+{len(names) - MOST_NAMES}" if len(names) > MOST_NAMES else ""
    hosts = ",".join(names[:MOST_NAMES]) + more
    if hop.mac:
        journal.note("next-hop", hosts=hosts, interface=hop.interface, mac=hop.mac.hex(":"))
    else:
        journal.note("by-kernel", logging.WARNING if hop.lasting else logging.INFO, hosts=hosts, why=hop.why)
