"""Next hops as a real kernel has them: neighbours that appear, move and go, routes that change, IPv4 and IPv6.

 client                          front                           server
+----------------+         +------------------+         +-----------------+
|           near +---------+ outside   inside +---------+ far             |
|                |         |           second +---------+ further         |
+----------------+         +------------------+         +-----------------+
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from journal_ground import journal
from lab_ground import eventually, needs_root
from pyroute2 import IPRoute

from hardtack.control import following, next_hops
from hardtack.control.configuration.reading import read
from hardtack.control.configuration.schema import Config
from hardtack.control.exits import Exit, find_exits
from hardtack.control.hops import NOT_KNOWN as BY_KERNEL
from hardtack.control.next_hops import NextHops
from hardtack.control.protected import NetColumn
from hardtack.control.tables import next_hop_entry
from hardtack.image import ONLY
from hardtack.kernel import maps, privileges
from hardtack.kernel.interfaces import InterfaceError
from hardtack.kernel.maps import Map
from hardtack.lab import topology
from hardtack.lab.addresses import CLIENT, INSIDE, SECOND, SERVER
from hardtack.lab.links import Interface
from hardtack.lab.namespaces import Namespace
from hardtack.lab.topology import Topology
from hardtack.packet.layout import EXITS, MOST_EXITS, NETS, Exits

pytestmark = needs_root

GATEWAY = ("192.0.2.77", "2001:db8::77")  # nobody's; the front is told its MAC address
GATEWAY_MAC = bytes.fromhex("020000000077")
OTHER_MAC = "02:00:00:00:00:55"
PLACES = {ip_network(address): place for place, address in enumerate(SERVER)}
OUTSIDE, INSIDE_PLACE, SECOND_PLACE = 0, 1, 2
both = pytest.mark.parametrize("family", [0, 1], ids=["IPv4", "IPv6"])


@dataclass(frozen=True)
class Ground:
    """The routed network with a second link from the front to the server."""

    net: Topology
    second: Interface
    further: Interface

    def config(self, *uplinks: Interface, **keys: str) -> Config:
        """Two hosts: the server's first address of each family. `uplinks`: instead of the one there is."""
        lines = [f'{key} = "{value}"' for key, value in ({"via": "direct"} | keys).items()]
        names = [interface.name for interface in uplinks or [self.net.outside]]
        text = f'[front]\ninterface = {json.dumps(names)}\nkey_file = "key"\n'
        for number, address in enumerate(SERVER):
            host = [f'name = "h{number}"', f'addresses = ["{address}"]', 'handshake = "agent"', *lines]
            text += "\n".join(["[[host]]", *host, ""])
        return read(text, Path("x.toml"))


class Front:
    """A NextHops at work in the front's namespace, its table, and what it has told."""

    def __init__(self, front: Namespace, config: Config, lines: list[str]) -> None:
        self._front = front
        self.exits: tuple[Exit, ...] = front.call(find_exits, config)
        self.table: Map = maps.create(NETS)
        self._column = NetColumn(self.table, "next_hop")
        self.exits_table: Map = maps.create(EXITS)
        self.hops = front.call(NextHops, config, PLACES, self.exits, self._column, self.exits_table)
        self.lines = lines

    def entry(self, place: int) -> bytes:
        """What the packet program finds there."""
        return self._column.lookup(place.to_bytes(4, "little"))

    def sources(self) -> list[bytes]:
        """The MAC addresses that frames leave with, by exit."""
        slots = np.frombuffer(self.exits_table.lookup(ONLY) or b"", Exits)[0]["slots"]
        return [int(slot["mac"]).to_bytes(6, "little") for slot in slots]

    def sizes(self) -> list[int]:
        """The MTUs, by exit."""
        return [int(slot["mtu"]) for slot in np.frombuffer(self.exits_table.lookup(ONLY) or b"", Exits)[0]["slots"]]

    def write(self) -> None:
        """As the front does every second."""
        self._front.call(self.hops.write)

    def becomes(self, place: int, expected: bytes) -> bool:
        """Whether following the news, and nothing else, brings about this entry."""

        return eventually(lambda: self.followed().entry(place) == expected)

    def followed(self) -> Front:
        """The news that there is, and nothing else."""
        self._front.call(self.hops.follow)
        return self


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    with topology.routed() as net:
        second, further = net.lab.join(net.front, net.server)
        second.add_addresses("203.0.113.1/24")
        further.add_addresses("203.0.113.2/24")
        for interface in (second, further):
            interface.features(gro=True)
        for version in ("ipv4", "ipv6"):  # doubts about a neighbour are settled in a moment
            net.front.sysctl(f"net.{version}.neigh.{net.inside.name}.delay_first_probe_time", 1)
            net.front.sysctl(f"net.{version}.neigh.{net.inside.name}.retrans_time_ms", 20)
        yield Ground(net, second, further)


@contextmanager
def running(ground: Ground, config: Config) -> Iterator[Front]:
    """A front's next hops, written once."""
    with journal() as lines:
        front = Front(ground.net.front, config, lines)
        with front.table, front.exits_table, front.hops:
            front.write()
            yield front


@pytest.fixture
def front(ground: Ground) -> Iterator[Front]:
    """With both hosts known."""
    with running(ground, ground.config()) as front:
        for place in (0, 1):
            assert front.becomes(place, next_hop_entry(ground.net.far.mac, INSIDE_PLACE))
        yield front


def asked(namespace: Namespace, command: Callable[[IPRoute], Any]) -> None:
    """Have the kernel do something in a namespace."""

    def inside() -> None:
        with IPRoute() as kernel:
            command(kernel)

    namespace.call(inside)


def neighbour(ground: Ground, command: str, address: str, **facts: Any) -> None:
    """Change what the front's kernel knows of a neighbour on `inside`."""
    family = 10 if ":" in address else 2
    asked(ground.net.front, lambda k: k.neigh(command, family=family, dst=address, ifindex=ground.net.inside.index, **facts))


def forget(ground: Ground) -> None:
    """The hosts are neighbours whom the front's kernel does not know."""

    def flush(kernel: IPRoute) -> None:
        index = ground.net.inside.index
        for known in list(kernel.get_neighbours(ifindex=index)):
            if known["state"] & 0x3F:  # all but NUD_NOARP and NUD_PERMANENT
                kernel.neigh("del", family=known["family"], dst=known.get("dst"), ifindex=index)

    asked(ground.net.front, flush)


@contextmanager
def route(ground: Ground, destination: str, **facts: Any) -> Iterator[None]:
    """A route in the front, for a while."""
    length = 128 if ":" in destination else 32
    family = 10 if ":" in destination else 2
    about = {"family": family, "dst": f"{destination}/{length}", **facts}
    asked(ground.net.front, lambda kernel: kernel.route("add", **about))
    try:
        yield
    finally:
        asked(ground.net.front, lambda kernel: kernel.route("del", **about))


def test_hosts_that_nobody_has_asked_for_are_found(ground: Ground) -> None:
    """No frame has to go by way of the kernel first."""
    forget(ground)
    with running(ground, ground.config()) as front:
        assert [front.entry(0), front.entry(1)] == [BY_KERNEL, BY_KERNEL]
        assert front.lines == ['INFO by-kernel hosts=h0,h1 why="the MAC address of its next hop is not known"']
        for place in (0, 1):
            assert front.becomes(place, next_hop_entry(ground.net.far.mac, INSIDE_PLACE))
        assert front.lines[-1].startswith("INFO next-hop hosts=h")
        assert front.lines[-1].endswith(f" interface={ground.net.inside.name} mac={ground.net.far.mac.hex(':')}")


@both
def test_a_host_with_a_new_card_is_followed_when_it_speaks(ground: Ground, front: Front, family: int) -> None:
    far, server = ground.net.far, ground.net.server
    try:
        asked(server, lambda kernel: kernel.link("set", index=far.index, address=OTHER_MAC))
        assert front.entry(family) == next_hop_entry(far.mac, INSIDE_PLACE)
        speak(server, SERVER[family], INSIDE[family])
        assert front.becomes(family, next_hop_entry(bytes.fromhex(OTHER_MAC.replace(":", "")), INSIDE_PLACE))
    finally:
        asked(server, lambda kernel: kernel.link("set", index=far.index, address=far.mac.hex(":")))
        speak(server, SERVER[family], INSIDE[family])
        assert front.becomes(family, next_hop_entry(far.mac, INSIDE_PLACE))


def speak(namespace: Namespace, source: str, destination: str) -> None:
    """A datagram, for which the sender has to ask who has the destination."""
    family = socket.AF_INET6 if ":" in source else socket.AF_INET

    def inside() -> None:
        with socket.socket(family, socket.SOCK_DGRAM) as sender:
            sender.bind((source, 0))
            sender.sendto(b"", (destination, 9))

    namespace.call(inside)


@both
def test_a_host_that_says_nothing_of_its_new_card_is_found(
    ground: Ground, front: Front, family: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frames past the kernel do not make it ask; the front does."""
    monkeypatch.setattr(next_hops, "STIR_AGAIN", 0.1)
    wrong = bytes.fromhex(OTHER_MAC.replace(":", ""))
    neighbour(ground, "change", SERVER[family], lladdr=OTHER_MAC, state=0x04)  # NUD_STALE
    assert front.becomes(family, next_hop_entry(wrong, INSIDE_PLACE))

    def found() -> bool:
        front.write()
        time.sleep(0.05)
        ground.net.front.call(front.hops.follow)
        return front.entry(family) == next_hop_entry(ground.net.far.mac, INSIDE_PLACE)

    assert eventually(found, 20)


@both
def test_a_neighbour_that_is_forgotten_is_the_kernels(ground: Ground, front: Front, family: int) -> None:
    neighbour(ground, "del", SERVER[family])
    assert front.becomes(family, BY_KERNEL)
    assert front.lines[-1] == f'INFO by-kernel hosts=h{family} why="the MAC address of its next hop is not known"'
    assert front.entry(1 - family) == next_hop_entry(ground.net.far.mac, INSIDE_PLACE)
    speak(ground.net.server, SERVER[family], INSIDE[family])
    speak(ground.net.front, INSIDE[family], SERVER[family])
    assert front.becomes(family, next_hop_entry(ground.net.far.mac, INSIDE_PLACE))


@both
def test_a_route_by_a_gateway(ground: Ground, front: Front, family: int) -> None:
    neighbour(ground, "replace", GATEWAY[family], lladdr=GATEWAY_MAC.hex(":"), state=0x80)  # NUD_PERMANENT
    with route(ground, SERVER[family], gateway=GATEWAY[family], oif=ground.net.inside.index):
        assert front.becomes(family, next_hop_entry(GATEWAY_MAC, INSIDE_PLACE))
        neighbour(ground, "replace", GATEWAY[family], lladdr=OTHER_MAC, state=0x80)
        assert front.becomes(family, next_hop_entry(bytes.fromhex(OTHER_MAC.replace(":", "")), INSIDE_PLACE))
    assert front.becomes(family, next_hop_entry(ground.net.far.mac, INSIDE_PLACE))
    neighbour(ground, "del", GATEWAY[family])


@both
def test_a_route_back_out_of_the_interface_that_faces_the_internet(ground: Ground, front: Front, family: int) -> None:
    speak(ground.net.client, CLIENT[family], SERVER[family])
    speak(ground.net.front, "" if family == 0 else "::", CLIENT[family])
    with route(ground, SERVER[family], gateway=CLIENT[family], oif=ground.net.outside.index):
        assert front.becomes(family, next_hop_entry(ground.net.near.mac, OUTSIDE))
    assert front.becomes(family, next_hop_entry(ground.net.far.mac, INSIDE_PLACE))


def test_when_an_interface_goes_down_the_other_way_is_taken(ground: Ground, front: Front) -> None:
    """IPv4 routes go with their interface, and the kernel says nothing of them."""
    with route(ground, SERVER[0], gateway="203.0.113.2", oif=ground.second.index):
        speak(ground.net.front, "", "203.0.113.2")
        assert front.becomes(0, next_hop_entry(ground.further.mac, SECOND_PLACE))
        asked(ground.net.front, lambda kernel: kernel.link("set", index=ground.second.index, state="down"))
        assert front.becomes(0, next_hop_entry(ground.net.far.mac, INSIDE_PLACE))
        asked(ground.net.front, lambda kernel: kernel.link("set", index=ground.second.index, state="up"))
        again = {"dst": f"{SERVER[0]}/32", "gateway": "203.0.113.2", "oif": ground.second.index}
        assert eventually(lambda: added(ground, again))
    assert front.becomes(0, next_hop_entry(ground.net.far.mac, INSIDE_PLACE))


def added(ground: Ground, facts: dict[str, Any]) -> bool:
    """Whether the route could be added: its interface may still be coming up."""
    try:
        asked(ground.net.front, lambda kernel: kernel.route("add", **facts))
    except Exception:
        return False
    return True


@both
def test_what_only_the_kernel_can_do(ground: Ground, front: Front, family: int) -> None:
    """Routes that lead nowhere, and those whose packets must be smaller than the interface allows."""
    usual = next_hop_entry(ground.net.far.mac, INSIDE_PLACE)
    address = SERVER[family]
    with route(ground, address, type="unreachable"):
        assert front.becomes(family, BY_KERNEL)
        assert front.lines[-1] == f'INFO by-kernel hosts=h{family} why="no route to {address}"'
    assert front.becomes(family, usual)
    with route(ground, address, oif=ground.net.inside.index, metrics={"mtu": 1400}):
        assert front.becomes(family, BY_KERNEL)
        why = f'"the route to {address} has a smaller MTU than {ground.net.inside.name}"'
        assert front.lines[-1] == f"WARNING by-kernel hosts=h{family} why={why}"
    assert front.becomes(family, usual)


@both
def test_an_address_of_this_machine(ground: Ground, front: Front, family: int) -> None:
    length = 128 if family else 32
    about = {"index": ground.net.inside.index, "address": SERVER[family], "prefixlen": length}
    flags = {"flags": 0x02} if family else {}  # IFA_F_NODAD
    asked(ground.net.front, lambda kernel: kernel.addr("add", **about, **flags))
    try:
        assert front.becomes(family, BY_KERNEL)
        assert front.lines[-1].startswith(f"WARNING by-kernel hosts=h{family} ") and "local" in front.lines[-1]
    finally:
        asked(ground.net.front, lambda kernel: kernel.addr("del", **about))
    assert front.becomes(family, next_hop_entry(ground.net.far.mac, INSIDE_PLACE))


def test_an_interface_that_comes_later_is_told_once(ground: Ground, front: Front) -> None:
    new, newest = ground.net.lab.join(ground.net.front, ground.net.server)
    new.add_addresses("203.0.114.1/24")
    newest.add_addresses("203.0.114.2/24")
    with route(ground, SERVER[0], gateway="203.0.114.2", oif=new.index):
        assert front.becomes(0, BY_KERNEL)
        speak(ground.net.front, "", "203.0.114.2")
        front.write()
        assert front.becomes(0, BY_KERNEL)
    told = [line for line in front.lines if f'why="{new.name} is too new' in line]
    assert len(told) == 1 and told[0].startswith("WARNING by-kernel hosts=h0 ")
    asked(ground.net.front, lambda kernel: kernel.link("del", index=new.index))
    assert front.becomes(0, next_hop_entry(ground.net.far.mac, INSIDE_PLACE))


def test_a_driver_that_takes_no_frames(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """A veth whose other end has neither GRO nor a program. Nobody tells of it: it is seen when everything is looked at."""
    monkeypatch.setattr(following, "LOOK_AGAIN", 0.0)
    with running(ground, ground.config()) as front:
        usual = next_hop_entry(ground.net.far.mac, INSIDE_PLACE)
        assert front.becomes(0, usual) and front.becomes(1, usual)
        ground.net.far.features(gro=False)
        front.write()
        assert [front.entry(0), front.entry(1)] == [BY_KERNEL, BY_KERNEL]
        why = f"the driver of {ground.net.inside.name} does not accept redirected frames (ndo_xdp_xmit)"
        assert front.lines[-1] == f'WARNING by-kernel hosts=h0,h1 why="{why}"'
        ground.net.far.features(gro=True)
        front.write()
        assert [front.entry(0), front.entry(1)] == [usual, usual]


def test_an_mtu_that_changes(ground: Ground, front: Front) -> None:
    """The packet program knows the one of the start."""
    inside = ground.net.inside
    asked(ground.net.front, lambda kernel: kernel.link("set", index=inside.index, mtu=1450))
    try:
        assert front.becomes(0, BY_KERNEL)
        assert "WARNING" in front.lines[-1] and "restart the front" in front.lines[-1]
    finally:
        asked(ground.net.front, lambda kernel: kernel.link("set", index=inside.index, mtu=1500))
    assert front.becomes(0, next_hop_entry(ground.net.far.mac, INSIDE_PLACE))


def test_a_mac_address_that_changes(ground: Ground, front: Front) -> None:
    """Frames leave with the new one. The kernel forgets all neighbours there, who knew the old one."""
    inside = ground.net.inside
    assert front.sources()[INSIDE_PLACE] == inside.mac
    new = bytes.fromhex(OTHER_MAC.replace(":", ""))
    asked(ground.net.front, lambda kernel: kernel.link("set", index=inside.index, address=OTHER_MAC))
    try:
        assert eventually(lambda: followed(ground, front)[INSIDE_PLACE] == new)
        speak(ground.net.front, INSIDE[0], SERVER[0])
        assert front.becomes(0, next_hop_entry(ground.net.far.mac, INSIDE_PLACE))
    finally:
        asked(ground.net.front, lambda kernel: kernel.link("set", index=inside.index, address=inside.mac.hex(":")))
    assert eventually(lambda: followed(ground, front)[INSIDE_PLACE] == inside.mac)
    speak(ground.net.front, INSIDE[0], SERVER[0])
    assert front.becomes(0, next_hop_entry(ground.net.far.mac, INSIDE_PLACE))


def followed(ground: Ground, front: Front) -> list[bytes]:
    """The sources, once the news has been read."""
    ground.net.front.call(front.hops.follow)
    return front.sources()


def test_no_capability_is_needed_once_it_is_made(ground: Ground) -> None:
    forget(ground)
    expected = next_hop_entry(ground.net.far.mac, INSIDE_PLACE)

    def unprivileged(front: Front) -> bool:
        privileges.set_capabilities(0, 0)  # of this thread alone, which ends with this function
        front.hops.write()

        def both_known() -> bool:
            front.hops.follow()
            return [front.entry(0), front.entry(1)] == [expected, expected]

        return eventually(both_known)

    with journal() as lines:
        front = Front(ground.net.front, ground.config(), lines)
        with front.table, front.exits_table, front.hops:
            assert ground.net.front.call(unprivileged, front)


def test_fixed_addresses(ground: Ground) -> None:
    mac = bytes.fromhex(OTHER_MAC.replace(":", ""))
    with running(ground, ground.config(via="mac", mac=OTHER_MAC)) as front:
        assert [front.entry(place) for place in (0, 1)] == [next_hop_entry(mac, OUTSIDE)] * 2
        assert front.exits[0].name == ground.net.outside.name
    with running(ground, ground.config(via="mac", mac=OTHER_MAC, out=ground.second.name)) as front:
        assert [one.name for one in front.exits][:2] == [ground.net.outside.name, ground.second.name]
        assert [front.entry(place) for place in (0, 1)] == [next_hop_entry(mac, 1)] * 2
        assert front.lines == [f"INFO next-hop hosts=h0,h1 interface={ground.second.name} mac={OTHER_MAC}"]
        asked(ground.net.front, lambda kernel: kernel.link("set", index=ground.second.index, state="down"))
        try:
            assert front.becomes(0, BY_KERNEL)
        finally:
            asked(ground.net.front, lambda kernel: kernel.link("set", index=ground.second.index, state="up"))
        assert front.becomes(0, next_hop_entry(mac, 1))


def test_back_out_of_several_uplinks(ground: Ground) -> None:
    """Each has a place of its own, and can be used or not; out of whichever, as long as one of them can be used."""
    first, second = ground.net.outside, ground.second
    mac = bytes.fromhex(OTHER_MAC.replace(":", ""))

    def have(**what: Any) -> None:
        asked(ground.net.front, lambda kernel: kernel.link("set", **what))

    with running(ground, ground.config(first, second, via="mac", mac=OTHER_MAC)) as front:
        assert [one.name for one in front.exits][:3] == ["", first.name, second.name]
        assert front.sources()[:3] == [bytes(6), first.mac, second.mac]
        assert (front.entry(0), front.sizes()[:3]) == (next_hop_entry(mac, 0), [0, 1500, 1500])
        assert front.lines == [f'INFO next-hop hosts=h0,h1 interface="where it came in" mac={OTHER_MAC}']
        have(index=second.index, state="down")
        try:
            assert eventually(lambda: front.followed().sizes()[:3] == [0, 1500, 0])
            assert front.entry(0) == next_hop_entry(mac, 0)
            have(index=first.index, mtu=1400)
            assert front.becomes(0, BY_KERNEL)
            assert front.sizes()[:3] == [0, 0, 0]
        finally:
            have(index=first.index, mtu=1500)
            have(index=second.index, state="up")
        assert eventually(lambda: front.followed().sizes()[:3] == [0, 1500, 1500])
        assert front.entry(0) == next_hop_entry(mac, 0)


def test_without_such_hosts_there_is_nothing_to_do(ground: Ground) -> None:
    with running(ground, ground.config(via="kernel")) as front:
        forget(ground)
        ground.net.front.call(front.hops.follow)
        front.write()
        assert front.entry(0) == BY_KERNEL and front.lines == []


def test_exits_are_those_named_those_in_use_and_the_others(ground: Ground) -> None:
    names = [ground.net.outside.name, ground.net.inside.name, ground.second.name]
    found = ground.net.front.call(find_exits, ground.config())
    assert [one.name for one in found] == names and len(found) <= MOST_EXITS
    assert [one.mac for one in found[1:]] == [ground.net.inside.mac, ground.second.mac]
    assert {one.mtu for one in found} == {1500}
    text = f'\ninside = ["{ground.second.name}"]\n[[host]]\nname = "x"\naddresses = ["{SECOND[0]}"]\nhandshake = "agent"\n'
    front = f'[front]\ninterface = "{ground.net.outside.name}"\nkey_file = "key"'
    config = read(f'{front}{text}via = "direct"\n', Path("x.toml"))
    assert [one.name for one in ground.net.front.call(find_exits, config)] == [names[0], names[2], names[1]]


def test_an_interface_that_is_not_there_is_a_mistake(ground: Ground) -> None:
    config = ground.config(via="mac", mac=OTHER_MAC, out="nosuch0")
    with pytest.raises(InterfaceError, match="no interface nosuch0 here"):
        ground.net.front.call(find_exits, config)
