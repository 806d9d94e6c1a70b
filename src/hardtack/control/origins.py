"""Which MAC address a host's frames come from: Net.origin, kept as the kernel knows its neighbours.

Several hosts may be behind one `inside` interface, and one of them, taken over, could speak in another's name: end its
connections, or open holes for strangers. So a frame teaches only if it comes from where frames for its sender would go, as
far as that is known: the MAC address that is configured, or that of a neighbour of this machine. What comes by way of a
router has the router's, which says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hardtack.control.configuration.schema import Config, Host
from hardtack.control.configuration.values import Address
from hardtack.control.following import Entries, Follower
from hardtack.control.protected import Places, is_alone, networks_of
from hardtack.kernel import routes

ANYBODY = bytes(8)
NOBODY = b"\xff" * 8  # no MAC address is so long: what this machine sends itself does not come in


@dataclass
class Source:
    """An address whose frames are to come from a neighbour, its place in the table, and which neighbour that is."""

    place: int
    address: Address
    neighbour: tuple[int, bytes] | None = None  # interface and address
    entry: bytes = ANYBODY


class Origins(Follower[Source]):
    """Keeps Net.origin of a front's networks.

    Whoever keeps the next hops has the kernel ask for neighbours; here they are only looked at.
    """

    def __init__(self, config: Config, places: Places, table: Entries) -> None:
        super().__init__(table)
        self.configure(config, places)

    def configure(self, config: Config, places: Places) -> None:
        """Keep these from now on, beginning with the next `write`; what is known of those that stay, stays."""
        known = {one.place: one for one in self._all}
        self._all = []
        for host, network in networks_of(config):
            place, address = places[network], network.network_address
            was = known.get(place)
            if host.via not in ("kernel", "direct"):
                self._table.update(key_of(place), fixed(host))
            elif not is_alone(network):  # of many neighbours, or of a router
                self._table.update(key_of(place), ANYBODY)
            elif was and was.address == address:
                self._all.append(was)
            else:
                self._table.update(key_of(place), ANYBODY)
                self._all.append(Source(place, address))
        self._again = True

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
    return mac.ljust(8, b"\0")


def key_of(place: int) -> bytes:
    """The key of an address's entry."""
    return place.to_bytes(4, "little")
