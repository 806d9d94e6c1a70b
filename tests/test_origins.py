"""Whose MAC addresses hosts' frames must come from, as a real kernel knows its neighbours. On the ground of next hops."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from pathlib import Path

from kernel_ground import needs_root
from lab_ground import eventually
from test_next_hops import Ground, both, forget, ground, neighbour, route, speak

from hardtack.control import origins
from hardtack.control.configuration.reading import read
from hardtack.control.origins import ANYBODY, NOBODY, Origins
from hardtack.control.protected import NetColumn
from hardtack.kernel import maps
from hardtack.kernel.maps import Map
from hardtack.lab.addresses import INSIDE, SERVER
from hardtack.packet.layout import NETS

__all__ = ["ground"]
pytestmark = needs_root

OTHER = bytes.fromhex("020000000055")
HERE = 2  # places: behind the server's addresses, one of this machine, one with a MAC address that is configured
FIXED = 3
PLACES = {ip_network(address): place for place, address in enumerate((*SERVER, "203.0.113.77", "203.0.113.78"))}
HOSTS = f"""
[[host]]
name = "behind"
addresses = ["{SERVER[0]}", "{SERVER[1]}"]
handshake = "agent"
via = "kernel"
[[host]]
name = "here"
addresses = ["203.0.113.77"]
handshake = "agent"
via = "local"
[[host]]
name = "fixed"
addresses = ["203.0.113.78"]
handshake = "agent"
via = "mac"
mac = "02:00:00:00:00:66"
"""


class Front:
    """An Origins at work in the front's namespace, and its table."""

    def __init__(self, ground: Ground) -> None:
        front = (
            f'[front]\ninterface = "{ground.net.outside.name}"\ninside = ["{ground.net.inside.name}"]\nkey_file = "key"\n'
        )
        self._front = ground.net.front
        self.table: Map = maps.create(NETS)
        self._column = NetColumn(self.table, "origin")
        self.origins = self._front.call(Origins, read(front + HOSTS, Path("x.toml")), PLACES, self._column)
        self._front.call(self.origins.write)

    def entry(self, place: int) -> bytes:
        """What the packet program finds there."""
        return self._column.lookup(place.to_bytes(4, "little"))

    def becomes(self, place: int, expected: bytes) -> bool:
        """Whether following the news, and nothing else, brings about this entry."""

        def so_far() -> bool:
            self._front.call(self.origins.follow)
            return self.entry(place) == expected

        return eventually(so_far)


@contextmanager
def running(ground: Ground) -> Iterator[Front]:
    """It, after a first look."""
    front = Front(ground)
    with front.table, front.origins:
        yield front


def test_what_is_known_without_the_kernel(ground: Ground) -> None:
    """Nothing comes in from this machine itself; a configured address is the host's own."""
    with running(ground) as front:
        assert front.entry(HERE) == NOBODY and len(NOBODY) > 6
        assert front.entry(FIXED) == bytes.fromhex("0200000000660000")


@both
def test_neighbours_are_followed_and_not_stirred(ground: Ground, family: int) -> None:
    forget(ground)
    with running(ground) as front:
        assert front.entry(family) == ANYBODY
        speak(ground.net.front, INSIDE[family], SERVER[family])  # as whoever has something for the host does
        assert front.becomes(family, origins.word(ground.net.far.mac))
        neighbour(ground, "replace", SERVER[family], lladdr=OTHER.hex(":"), state=0x80)  # NUD_PERMANENT
        assert front.becomes(family, origins.word(OTHER))
        neighbour(ground, "replace", SERVER[family], lladdr=OTHER.hex(":"), state=0x20)  # NUD_FAILED
        assert front.becomes(family, ANYBODY)
        neighbour(ground, "del", SERVER[family])
        ground.net.front.call(front.origins.write)
        assert front.entry(family) == ANYBODY


@both
def test_what_comes_by_a_router_says_nothing(ground: Ground, family: int) -> None:
    gateway = ("192.0.2.77", "2001:db8::77")[family]
    neighbour(ground, "replace", SERVER[family], lladdr=ground.net.far.mac.hex(":"), state=0x80)
    neighbour(ground, "replace", gateway, lladdr=OTHER.hex(":"), state=0x80)
    with running(ground) as front:
        assert front.entry(family) == origins.word(ground.net.far.mac)
        with route(ground, SERVER[family], gateway=gateway, oif=ground.net.inside.index):
            assert front.becomes(family, ANYBODY)
        assert front.becomes(family, origins.word(ground.net.far.mac))
    neighbour(ground, "del", gateway)
    neighbour(ground, "del", SERVER[family])
