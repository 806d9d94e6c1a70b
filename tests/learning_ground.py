"""What learns the ways into networks, in the front's namespace of test_next_hops.py; and who is behind a gateway."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address, ip_network
from pathlib import Path

import numpy as np
from lab_ground import eventually
from naive.state import mapped
from pyroute2 import IPRoute
from test_next_hops import GATEWAY, GATEWAY_MAC, Ground, asked, neighbour

from hardtack.control.configuration.reading import read
from hardtack.control.configuration.schema import Config
from hardtack.control.exits import find_exits
from hardtack.control.learned import FIRST, Records
from hardtack.control.learning import Learning
from hardtack.control.networks.trees import Trees
from hardtack.control.next_hops import NextHops
from hardtack.control.protected import NetColumn, Protected, content, fill_protected, protect
from hardtack.control.wanted import Notes
from hardtack.kernel import maps
from hardtack.packet.layout import (
    EXITS,
    HOST_ROOT,
    HOSTS,
    LED_BITS,
    NETS,
    NETWORKS,
    NOTE_BITS,
    NOTED,
    PORTS,
    WANTED,
    Net,
    Wanted,
)

FAR = ("198.18.0.0/16", "2001:db8:f0::/48")  # behind GATEWAY
PART = 1 << NOTE_BITS  # of the notes are one host's
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
        self._call = ground.net.front.call
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
        return self.trees.content(HOST_ROOT).longest(ip_address(address)) >> LED_BITS

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


def far(family: int, number: int = 7) -> str:
    """An address behind the gateway."""
    return str(ip_network(FAR[family])[number])
