"""Ways to addresses of networks, as they are learned: what is wanted, how it is kept, and who gets how much."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, ip_address, ip_network
from pathlib import Path

import numpy as np
import pytest
from engines_under_test import Native
from journal_ground import journal
from lab_ground import eventually, needs_root
from naive import world
from naive.frames import IPv6, Tcp
from naive.state import Host, Prefix, Via, mapped
from naive.world import FOUND6, NET6, NOW, SOUGHT6, WIDER6
from pyroute2 import IPRoute
from rows.row import first_ack
from test_next_hops import (
    GATEWAY,
    GATEWAY_MAC,
    INSIDE_PLACE,
    OTHER_MAC,
    SECOND_PLACE,
    Ground,
    asked,
    both,
    ground,
    neighbour,
    route,
    speak,
)

from hardtack.control import learning
from hardtack.control.configuration.reading import read
from hardtack.control.configuration.schema import Config
from hardtack.control.exits import find_exits
from hardtack.control.hops import NOT_KNOWN
from hardtack.control.learned import FIRST, Records
from hardtack.control.learning import Learning
from hardtack.control.networks.trees import Trees
from hardtack.control.next_hops import NextHops
from hardtack.control.protected import NetColumn, Protected, content, fill_protected, protect
from hardtack.control.tables import next_hop_entry
from hardtack.control.wanted import Notes, address_of, in_turn
from hardtack.kernel import maps
from hardtack.lab.addresses import INSIDE, SERVER
from hardtack.packet.layout import (
    EXITS,
    HOST_ROOT,
    HOSTS,
    NETS,
    NETWORKS,
    NOTE_BITS,
    NOTED,
    NOTING_BITS,
    PORTS,
    TO_LEARN,
    WANTED,
    Net,
    Wanted,
)
from hardtack.packet.reasons import Verdict

__all__ = ["ground"]

FAR = ("198.18.0.0/16", "2001:db8:f0::/48")  # behind GATEWAY
PART = 1 << NOTE_BITS
KNOWN = {"family": 2, "lladdr": GATEWAY_MAC.hex(":"), "state": 0x80}  # NUD_PERMANENT
WIDE = {"one": ["192.0.2.0/25", "2001:db8::/64", *FAR], "two": ["198.19.0.0/16"]}
NUMBERS = {"one": 1, "two": 2}
OWN = '[[host]]\nname = "own"\naddresses = ["192.0.2.10"]\nhandshake = "agent"\nvia = "kernel"\n'


def configured(ground: Ground, hosts: dict[str, list[str]], more: str = "", inside: bool = True, **keys: str) -> Config:
    """These hosts, by way of "direct", if `keys` do not say otherwise."""
    listed = f"inside = [{quoted([ground.net.inside.name])}]\n" if inside else ""
    text = f'[front]\ninterface = "{ground.net.outside.name}"\nkey_file = "key"\n{listed}'
    for name, addresses in hosts.items():
        lines = [f'{key} = "{value}"' for key, value in ({"via": "direct"} | keys).items()]
        lines = [f'name = "{name}"', f"addresses = [{quoted(addresses)}]", 'handshake = "agent"', *lines]
        text += "\n".join(["[[host]]", *lines, ""])
    return read(text + more, Path("x.toml"))


def quoted(names: list[str]) -> str:
    """As a list of TOML's."""
    return ", ".join(f'"{name}"' for name in names)


class Front:
    """A front's tables, and who keeps them; `notes` are put there as the packet program does it."""

    def __init__(self, ground: Ground, config: Config, most: int) -> None:
        self._ground, self._call = ground, ground.net.front.call
        self.tables = {table.name: maps.create(table) for table in (NETS, HOSTS, NETWORKS, WANTED, EXITS)}
        self.tables["ports"] = maps.create(maps.sized(PORTS, {"ports": PORTS.entries * 4}))
        self.exits = self._call(find_exits, config)
        self.protected: Protected = protect(config, NUMBERS)
        fill_protected(self.tables, self.protected)
        draft = Trees.draft()
        draft.new(content(self.protected))
        self.trees = draft.moved(self.tables["networks"].memory())
        self.nets = np.frombuffer(self.tables["nets"].memory(), Net)
        self.noted = np.frombuffer(self.tables["wanted"].memory(), Wanted)["notes"][0]
        column = NetColumn(self.tables["nets"], "next_hop")
        self.hops = self._call(NextHops, config, self.protected.places, self.exits, column, self.tables["exits"])
        self.records = Records(self.tables["nets"], self.trees, bool(config.front.inside), most)
        notes = Notes(self.tables["wanted"])
        self.learning = self._call(Learning, config, self.protected, self.exits, self.records, notes)

    def want(self, *addresses: str, host: int = 1) -> None:
        """Frames have come for them."""
        for address, place in zip(addresses, range(PART), strict=False):
            words = np.frombuffer(mapped(ip_address(address).packed), np.uint64)
            self.noted[host * PART + place] = NOTED, *words

    def place(self, address: str) -> int:
        """Where the record is that frames for an address find."""
        return self.trees.content(HOST_ROOT).longest(ip_address(address))

    def entry(self, address: str) -> bytes:
        """The way that they are sent."""
        return bytes(self.nets["next_hop"][self.place(address)].tobytes())

    def is_learned(self, address: str) -> bool:
        """Whether it has a record of its own."""
        return self.place(address) >= FIRST

    def write(self) -> None:
        """As the front does every second."""
        self._call(self.learning.write)

    def becomes(self, address: str, expected: bytes) -> bool:
        """Whether the news, and nothing else, brings about this entry."""

        def is_so() -> bool:
            self._call(self.learning.follow)
            return self.entry(address) == expected

        return eventually(is_so)

    def reload(self, config: Config) -> None:
        """As control/publish.py does it."""
        then = protect(config, NUMBERS | {"own": 3}, earlier=self.protected)
        with self.trees.together():
            self.learning.configure(config, then)
            fill_protected(self.tables, then, self.protected)
            self._call(self.hops.configure, config, then.places)
        self.protected = then

    def close(self) -> None:
        """All of it."""
        self.learning.close()
        self.hops.close()
        for table in self.tables.values():
            table.close()


@contextmanager
def running(ground: Ground, config: Config, most: int = 1 << 14) -> Iterator[Front]:
    """A front's, for as long as the block; GATEWAY's MAC address is known, and all that is FAR is behind it."""
    for gateway in GATEWAY:
        neighbour(ground, "replace", gateway, lladdr=GATEWAY_MAC.hex(":"), state=0x80)  # NUD_PERMANENT
    routes(ground, "add")
    front = Front(ground, config, most)
    try:
        yield front
    finally:
        front.close()
        routes(ground, "del")


def routes(ground: Ground, command: str) -> None:
    """To all that is behind the gateway."""

    def change(kernel: IPRoute) -> None:
        for network in (*FAR, *WIDE["two"]):
            gateway = GATEWAY[":" in network]
            kernel.route(command, dst=network, gateway=gateway, oif=ground.net.inside.index)

    asked(ground.net.front, change)


@pytest.fixture
def front(ground: Ground) -> Iterator[Front]:
    """With hosts one and two, whose server's neighbours are known."""
    for family in (0, 1):
        speak(ground.net.server, SERVER[family], INSIDE[family])
        speak(ground.net.front, INSIDE[family], SERVER[family])
    with running(ground, configured(ground, WIDE)) as front:
        yield front


def far(family: int, number: int = 7) -> str:
    """An address behind the gateway."""
    return str(ip_network(FAR[family])[number])


@needs_root
@both
def test_each_address_has_its_own_way(ground: Ground, front: Front, family: int) -> None:
    """A neighbour, and one behind a router, whose frames may come from any MAC address."""
    unknown = TO_LEARN.to_bytes(8, "little")
    assert front.entry(SERVER[family]) == front.entry(far(family)) == unknown
    front.want(SERVER[family], far(family), "192.0.2.200", "203.0.113.9")  # the last of which are nobody's
    front.write()
    assert front.entry(SERVER[family]) == next_hop_entry(ground.net.far.mac, INSIDE_PLACE)
    assert front.entry(far(family)) == next_hop_entry(GATEWAY_MAC, INSIDE_PLACE)
    origins = [int(front.nets["origin"][front.place(one)]) for one in (SERVER[family], far(family))]
    assert origins == [int.from_bytes(ground.net.far.mac, "little"), 0]
    assert front.nets["host"][front.place(far(family))] == 1
    assert front.entry(far(family, 8)) == unknown and len(front.records) == 2
    assert not front.noted["state"].any()


@needs_root
@both
def test_who_has_another_mac_address_is_followed(ground: Ground, front: Front, family: int) -> None:
    """Of a neighbour, and of a router, whoever is behind it; where nobody knows it, frames are the kernel's."""
    new = bytes.fromhex(OTHER_MAC.replace(":", ""))
    for gateway, address, mac in (
        (SERVER[family], SERVER[family], ground.net.far.mac),
        (GATEWAY[family], far(family), GATEWAY_MAC),
    ):
        front.want(address)
        front.write()
        neighbour(ground, "replace", gateway, lladdr=OTHER_MAC, state=0x80)
        assert front.becomes(address, next_hop_entry(new, INSIDE_PLACE))
        neighbour(ground, "del", gateway)
        assert front.becomes(address, NOT_KNOWN) and front.is_learned(address)
        neighbour(ground, "replace", gateway, lladdr=mac.hex(":"), state=0x02)  # NUD_REACHABLE
        assert front.becomes(address, next_hop_entry(mac, INSIDE_PLACE))


@needs_root
@both
def test_routes_are_followed(ground: Ground, front: Front, family: int) -> None:
    usual = next_hop_entry(ground.net.far.mac, INSIDE_PLACE)
    front.want(SERVER[family])
    front.write()
    assert front.entry(SERVER[family]) == usual
    with route(ground, SERVER[family], gateway=GATEWAY[family], oif=ground.net.inside.index):
        assert front.becomes(SERVER[family], next_hop_entry(GATEWAY_MAC, INSIDE_PLACE))
    assert front.becomes(SERVER[family], usual)
    with route(ground, SERVER[family], type="unreachable"):
        assert front.becomes(SERVER[family], NOT_KNOWN)
        front.write()
        assert not front.is_learned(SERVER[family])
        front.want(SERVER[family])
        front.write()
        assert not front.is_learned(SERVER[family])


@needs_root
def test_when_an_interface_goes_down_the_kernel_has_them(
    ground: Ground, front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where they are too many to be looked at at once: then a few in each second."""
    addresses = [far(0, number) for number in range(1, 50)]
    front.want(*addresses)
    front.write()
    assert all(map(front.is_learned, addresses))
    monkeypatch.setattr(learning, "LOOKS", 40)
    front.write()
    usual, second = next_hop_entry(GATEWAY_MAC, INSIDE_PLACE), ground.second.index
    asked(ground.net.front, lambda kernel: kernel.neigh("replace", dst="203.0.113.2", ifindex=second, **KNOWN))
    asked(ground.net.front, lambda kernel: kernel.route("add", dst=f"{addresses[0]}/32", gateway="203.0.113.2", oif=second))
    assert front.becomes(addresses[0], next_hop_entry(GATEWAY_MAC, SECOND_PLACE))
    asked(ground.net.front, lambda kernel: kernel.link("set", index=second, state="down"))
    try:
        assert front.becomes(addresses[0], NOT_KNOWN)
        assert {front.entry(one) for one in addresses} == {NOT_KNOWN}
        front.write()
        assert {front.entry(one) for one in addresses} == {NOT_KNOWN, usual}
        front.write()
        assert {front.entry(one) for one in addresses} == {usual}
    finally:
        asked(ground.net.front, lambda kernel: kernel.link("set", index=second, state="up"))


@needs_root
def test_who_has_no_frames_is_given_up(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "ROUND", 0.0)
    front.want(SERVER[0], far(0))
    front.write()
    front.write()  # they have had the one that they were learned for
    assert front.is_learned(SERVER[0]) and front.is_learned(far(0))
    front.nets["used"][front.place(far(0))] = 1
    front.write()
    assert not front.is_learned(SERVER[0]) and front.is_learned(far(0))
    front.want(SERVER[0])
    front.write()
    assert front.is_learned(SERVER[0])


@needs_root
def test_a_reload_keeps_what_is_as_before(ground: Ground, front: Front) -> None:
    """What is excluded, or another host's, or whose host has changed, is forgotten, and learned anew if it may be."""
    two = "198.19.0.7"
    for number in (1, 2):
        front.nets["grace_until"][front.nets["host"] == number] = number
    front.want(SERVER[0], SERVER[1], far(0))
    front.want(two, host=2)
    front.write()
    kept = [front.place(one) for one in (SERVER[1], far(0))]
    assert front.nets["grace_until"][[*kept, front.place(two)]].tolist() == [1, 1, 2]
    front.reload(configured(ground, {"one": WIDE["one"]}, OWN))  # host two is gone, and an address is another's
    assert [front.place(one) for one in (SERVER[1], far(0))] == kept
    assert front.place(two) == 0 and front.nets["host"][front.place(SERVER[0])] == 3
    front.reload(configured(ground, WIDE))
    assert [front.place(one) for one in (SERVER[1], far(0))] == kept
    assert front.entry(SERVER[0]) == front.entry(two) == TO_LEARN.to_bytes(8, "little")
    front.reload(configured(ground, WIDE, default="drop"))
    assert not len(front.records) and front.entry(far(0)) == TO_LEARN.to_bytes(8, "little")
    front.want(far(0))
    front.write()
    assert front.is_learned(far(0)) and front.place(far(0)) not in kept, "a frame may be on its way through that"
    front.reload(configured(ground, WIDE, via="kernel"))
    front.want(far(0))
    front.write()
    assert not front.is_learned(far(0))


@needs_root
def test_one_host_does_not_displace_another(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody has frames sent to ever more addresses of host one, and nobody waits for a frame of host two's."""
    monkeypatch.setattr("hardtack.control.learned.REST", 0.0)
    monkeypatch.setattr(learning, "LEARNED", 20)
    two = [f"198.19.0.{number}" for number in range(1, 9)]
    with running(ground, configured(ground, WIDE), most=64) as front:
        front.want(*two, host=2)
        front.write()
        before = len(front.records)
        seen: set[str] = set()
        for burst in range(12):
            wanted = [far(burst % 2, secrets.randbelow(1 << 16)) for _ in range(PART)]
            front.want(*wanted)
            front.write()
            learned = {str(one.address) for one in front.records}
            assert len(learned - seen) <= 20 + 8 and len(learned) <= 64
            seen |= learned
        assert all(map(front.is_learned, two)) and len(seen) > 64 > before
        late = "198.19.9.9"
        front.want(late, host=2)
        front.want(*(far(0, 300 + number) for number in range(PART)))
        front.write()
        front.write()
        assert front.is_learned(late), "and has its turn"


@needs_root
def test_a_full_table_of_prefixes_is_told_once(ground: Ground, front: Front) -> None:
    """Then they are the kernel's. Whatever has been learned stays."""
    front.want(far(1))
    front.write()
    taken = front.trees.memory.take(np.array([4] * (front.trees.memory.units - front.trees.memory.used - 1)))
    with journal() as lines:
        for _ in range(2):
            front.want(*(far(1, secrets.randbits(70)) for _ in range(50)))
            front.write()
    assert len(lines) == 1 and "table of prefixes is full" in lines[0], lines
    assert len(front.records) == 1 and front.is_learned(far(1))
    front.trees.memory.untake([(taken, np.full(len(taken), 4))])
    front.want(far(1, 5))
    front.write()
    assert front.is_learned(far(1, 5))


def test_hosts_are_served_in_turn() -> None:
    """One that wants very much, and many that want little."""
    noted = np.array([*range(5 * PART, 6 * PART), *(host * PART + host for host in range(10, 60))])
    chosen = in_turn(noted, 100)
    parts = np.bincount(chosen >> NOTE_BITS, minlength=1 << NOTING_BITS)
    assert parts[5] == 50 and (parts[10:60] == 1).all() and parts.sum() == 100
    assert len(in_turn(noted, 1000)) == len(noted) and len({*chosen.tolist()}) == 100


def test_addresses_are_as_they_were_noted() -> None:
    for text in ("192.0.2.1", "2001:db8::1", "::"):
        assert address_of(mapped(ip_address(text).packed)) == ip_address(text)
    assert isinstance(address_of(mapped(b"\1\2\3\4")), IPv4Address)


def test_each_host_has_room_for_its_notes() -> None:
    """Good cookies for very many addresses of one host, then some for another's. Nothing but the notes is written."""
    one, other = Prefix(mapped(ip_address(NET6).packed), 48), Prefix(mapped(ip_address(WIDER6).packed), 48)
    networks = world.NETWORKS | {one: Host(world.WEB_PORTS, 1400, number=21, via=Via.routed)}
    engine = Native(world.state(networks=networks, to_learn=frozenset({one, other})))
    before = engine.tables["nets"].copy()
    assert len(noted_of(engine, one, 1500)) == PART
    assert 30 < len(noted_of(engine, other, 40)) <= 40
    assert (engine.tables["nets"] == before).all()


def noted_of(engine: Native, network: Prefix, count: int) -> set[bytes]:
    """Clients connect to so many addresses of a network: those that are noted of it."""
    for number in range(count):
        address = network.address[:6] + bytes(2) + (number * 0x9E3779B97F4A7C15 % (1 << 64)).to_bytes(8, "big")
        outcome = engine.run(first_ack(IPv6(destination=str(ip_address(address))), Tcp(destination_port=80)), NOW)
        assert outcome.verdict == Verdict.FORWARD, outcome
    return {address for address in engine.noted() if network.holds(address)}


def test_a_way_that_frames_take_is_known_to_be_used() -> None:
    engine = Native()
    used = engine.tables["nets"].view(Net)["used"]
    for address, ways in ((SOUGHT6, 0), (FOUND6, 1), (FOUND6, 1)):
        engine.run(first_ack(IPv6(destination=address), Tcp(destination_port=80)), NOW)
        assert used.sum() == ways
