"""Where the af_xdp engine is tested: client, front and server, the front's tables filled as `hardtack front` fills them.

    near ===== outside (front) inside ===== far
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from naive.frames import Ethernet, IPv4, IPv6, Tcp, frame

from hardtack.agent.upkeep import Upkeep
from hardtack.compiler.objects import compiled
from hardtack.control import connections, numbers, proven
from hardtack.control.configuration.reading import read
from hardtack.control.configuration.schema import Config
from hardtack.control.protected import protect
from hardtack.control.succession import open_table
from hardtack.engines.af_xdp import Engine, Wanted, all_tables
from hardtack.image import ONLY
from hardtack.kernel import maps
from hardtack.kernel.links import Link
from hardtack.kernel.maps import Map
from hardtack.kernel.programs import Program, load
from hardtack.keys import Masters
from hardtack.lab import topology
from hardtack.lab.addresses import BESIDE, CLIENT, SECOND, SERVER, THIRD, with_length
from hardtack.lab.bench.front import MASTER, configure, direct_to, exit_of, numbers_of
from hardtack.lab.lab import Lab
from hardtack.lab.links import Interface
from hardtack.lab.namespaces import Namespace
from hardtack.lab.topology import Topology
from hardtack.packet import layout
from hardtack.packet.programs import FRONT

SIZE = 10_000  # connections
PORT = 80
PATIENCE = 3.0  # s for bytes that may never come
INSIDE_PLACE = 1  # among the exits
CONFIGURATION = f"""
[front]
interface = "outside"
key_file = "key"
connections = {SIZE}
grace = "0s"
check_hosts = false
sources = 1000

[[host]]
name = "kernel"
addresses = ["{SERVER[0]}"]
ports = [{PORT}]
handshake = "agent"
via = "kernel"

[[host]]
name = "direct"
addresses = ["{SECOND[0]}", "{SECOND[1]}"]
ports = [{PORT}]
handshake = "agent"
via = "direct"

[[host]]
name = "open"
addresses = ["{THIRD[0]}"]
ports = [{PORT}]
handshake = "pass"
via = "direct"

[[host]]
name = "open-kernel"
addresses = ["{BESIDE[0]}"]
ports = [{PORT}]
handshake = "pass"
via = "kernel"
"""


@dataclass
class Ground:
    """The network, and the front's tables."""

    net: Topology
    tables: Mapping[str, Map]

    @contextmanager
    def engine(
        self, *, adopted: Mapping[str, Link] | None = None, also: Mapping[str, Map] | None = None, **how: Any
    ) -> Iterator[Engine]:
        """The engine at work between `outside` and `inside`."""
        exits = {} if self.net.is_local else {INSIDE_PLACE: self.net.inside.name}
        wanted = Wanted({0: self.net.outside.name}, exits, **how)
        engine = self.net.front.call(Engine, {**self.tables, **(also or {})}, wanted, adopted or {})
        try:
            self.net.front.call(engine.start)
            yield engine
        finally:
            self.net.front.call(engine.close)

    def program(self) -> Program:
        """The xdp engine's, over the same tables."""
        return load(compiled(FRONT), self.tables)

    def knows(self, host: str, port: int) -> bool:
        """Whether a connection of the client's is in the table."""
        tags = np.frombuffer(self.tables["tags"].memory(), np.uint8)
        rows = np.frombuffer(self.tables["connections"].memory(), layout.Connection)[: len(tags)][tags != 0]
        return bool(np.any((rows["ports"] == ports_of(port)) & (rows["destination_low"] == low_of(host))))

    def segment(self, host: str, tcp: Tcp) -> bytes:
        """From the client, for a host."""
        link = Ethernet(self.net.near.mac, self.net.outside.mac)
        return frame(IPv6(CLIENT[1], host) if ":" in host else IPv4(CLIENT[0], host), tcp, link)

    def send(self, *frames: bytes) -> None:
        """From the client's interface."""
        with self.net.client.call(packet_socket, self.net.near.name) as out:
            for one in frames:
                out.send(one)

    def connected(self, host: str) -> bool:
        """Whether a real connection from the client carries bytes both ways."""
        with suppress(TimeoutError, ConnectionError), self.connection(host) as (client, server):
            return carries(client, server) and carries(server, client)
        return False

    @contextmanager
    def connection(self, host: str) -> Iterator[tuple[socket.socket, socket.socket]]:
        """A real one, from the client to the server: both ends."""
        with self.net.server.call(listening, host) as listener:
            client = self.net.client.call(dialled, host)
            server, _ = listener.accept()
        with client, server:
            server.settimeout(PATIENCE)
            yield client, server

    def add_connection(self, host: str, number: int, port: int) -> None:
        """One of the client's, as if a cookie had opened it, and its host had answered."""
        row = np.zeros(1, layout.Connection)
        row["source_low"], row["destination_low"], row["ports"] = low_of(CLIENT[0]), low_of(host), ports_of(port)
        row["host"], row["state"], row["left"] = number, layout.NUMBERED | layout.HOST_SEEN, 1000
        row["reach"] = row["ack_reach"] = 26
        assert open_table(self.tables).fill(row, 0) == 1


def low_of(address: str) -> int:
    """An IPv4 address as the low word of Flow has it."""
    return int.from_bytes(b"\0\0\xff\xff" + socket.inet_aton(address), "little")


def ports_of(client: int) -> int:
    """Both ports, likewise."""
    return int.from_bytes(struct.pack("!HH", client, PORT), "little")


def carries(sender: socket.socket, receiver: socket.socket) -> bool:
    """Whether some segments' worth of bytes arrives."""
    data = bytes(20_000)
    sender.sendall(data)
    got = 0
    with suppress(TimeoutError):
        while got < len(data):
            got += len(receiver.recv(len(data)))
    return got == len(data)


def packet_socket(name: str) -> socket.socket:
    """To send frames as they are."""
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    made.bind((name, 0))
    return made


def listening(host: str) -> socket.socket:
    """A server."""
    made = socket.create_server((host, PORT))
    made.settimeout(PATIENCE)
    return made


def dialled(host: str) -> socket.socket:
    """A client."""
    return socket.create_connection((host, PORT), timeout=PATIENCE)


def unequal(queues: int) -> topology.Link:
    """A link with so many queues."""

    def made(lab: Lab, first: Namespace, second: Namespace) -> tuple[Interface, Interface]:
        return lab.join(first, second, queues)

    return made


@contextmanager
def ground(queues: int = 1, beyond: int = 1, local: bool = False) -> Iterator[Ground]:
    """So many queues towards the client, and towards the server; `local`: the front is the server."""
    with ExitStack() as parts:
        made = topology.local(queues) if local else topology.routed(street=unequal(queues), yard=unequal(beyond))
        net = parts.enter_context(made)
        net.far.add_addresses(*with_length(THIRD + BESIDE, 24, 64))
        tables = {table.name: parts.enter_context(maps.create(maps.sized(table, sizes()))) for table in all_tables()}
        fill(net, tables)
        yield Ground(net, tables)


def sizes() -> dict[str, int]:
    """Of the tables, as `hardtack front` chooses them."""
    settings = read(CONFIGURATION, Path("test.toml"))
    own = numbers_of(settings)
    found = connections.table_sizes(SIZE) | proven.table_sizes(1000)
    return found | numbers.table_sizes(own, protect(settings, own).sets)


def fill(net: Topology, tables: Mapping[str, Map], anew: bool = True) -> None:
    """As `hardtack front` does; not `anew`: connections have been adopted."""
    settings = read(CONFIGURATION, Path("test.toml"))
    if anew:
        buckets, bits = connections.buckets_for(SIZE), connections.marks_for(SIZE)
        tables["places"].update(ONLY, connections.places_entry(buckets, bits, Random(1).randbytes))
    tables["proven_places"].update(ONLY, proven.places_entry(proven.buckets_for(1000)))
    exits = dict.fromkeys((net.outside, net.inside))  # one, if they are the same
    net.front.call(configure, tables, settings, [*map(exit_of, exits)])
    direct_to(net.far.mac, tables, settings)
    hold(tables, settings)
    Upkeep(tables, [Masters(MASTER)]).write()


def hold(tables: Mapping[str, Map], settings: Config) -> None:
    """The handshakes that the configuration says, in force."""
    words = np.frombuffer(tables["hosts"].memory(), layout.Host, len(settings.hosts) + 1)["handshake"]
    for host in settings.hosts:
        kind = layout.PASSING if host.handshake == "pass" else layout.COOKIE
        words[numbers_of(settings)[host.name]] = kind | kind << layout.CONFIGURED_SHIFT


COUNTED = ("bursts", "received", "replied", "redirected", "passed", "dropped", "ring_full", "not_passed")


def tallies(engine: Engine) -> dict[str, int]:
    """What all workers have counted together."""
    return {name: sum(int(worker.record[name][0]) for worker in engine.workers) for name in COUNTED}

