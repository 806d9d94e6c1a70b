"""What an attacker with one good handshake, or behind the front, can do: nothing.

    HARDTACK_ATTACK=1000000x60 python -m pytest tests/fronts/test_attacks.py      frames a second, seconds

A flood's own frames that reach the host are counted there by nftables, by the addresses that they are sent from, which
nobody else has. Honest requests go on all the time, and 2,500 connections are idle.
"""

from __future__ import annotations

import os
import resource
import shutil
import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from handshake.counted import pinned
from handshake.stage import PATIENCE, SILENT, TALK

from fronts.running import Value, agent, configuration, counting, front
from hardtack.control.holdings import evicted
from hardtack.control.metrics.handed import Handed
from hardtack.lab import topology
from hardtack.lab.addresses import CLIENT, SECOND, SERVER
from hardtack.lab.arrivals import FLOODS, counting_arrivals
from hardtack.lab.attach import sink
from hardtack.lab.clients import connect, numbers, server_socket
from hardtack.lab.counters import traffic
from hardtack.lab.flood import flooding
from hardtack.lab.links import Interface
from hardtack.lab.packets.recipe import Caller, Kind, Target
from hardtack.lab.process import Process
from hardtack.lab.servers import talker
from hardtack.lab.topology import Topology
from hardtack.packet.layout import BURST, CONNECTIONS, SEARCH, TAGS, Connection
from hardtack.packet.reasons import Reason

pytestmark = pytest.mark.skipif(not shutil.which("nft"), reason="nft is not installed: it counts what reaches the host")

RATE, SECONDS = map(int, os.environ.get("HARDTACK_ATTACK", "1000000x2").split("x"))
SIZE = 5000  # `connections`
IDLE = 2500
LEAST_SHARE = 100  # one frame of so many may reach the host
FRAMES = 1000  # a second: less than a hundredth of a flood, also where a busy machine makes a slow one
ATTACKER = "203.0.113.77"  # a client with a real address, in a prefix of its own
NOBODY = "198.18.9.9"  # an address of which answers come to nothing
NEIGHBOURHOOD = "198.18.7.0/24"  # of the filler
# Of idle clients, each in a prefix of its own: the one of the honest requests opens so many that its own go first
HOMES = ("198.51.101.2", *(f"2001:db8:a{n}::2" for n in range(9)))
TENANT_MAC = bytes.fromhex("02000000aa66")
SPARE_FILES = 1000


@dataclass(frozen=True)
class Ground:
    """A front at work, and connections that were there before any attack."""

    net: Topology
    idle: list[socket.socket]

    def target(self, port: int = TALK) -> Target:
        """The host, from the client's side."""
        return Target(SERVER[0], port, self.net.near.mac, self.net.outside.mac)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """One front for all attacks. The host is heard: its side is `inside`."""
    folder: Path = tmp_path_factory.mktemp("attacks")
    with ExitStack() as parts:
        parts.enter_context(files(IDLE + SPARE_FILES))
        net = parts.enter_context(topology.routed())
        parts.enter_context(sink(net.near))
        settle_clients(net)
        net.server.sysctl("net.core.somaxconn", 65535)
        parts.enter_context(talker(net.server, SERVER + SECOND, [TALK]))
        parts.enter_context(net.server.call(listener))
        hosts: list[dict[str, Value]] = [
            {"name": name, "addresses": addresses, "via": "kernel", "default": "drop", "frames_per_connection": FRAMES}
            for name, addresses in (("one", SERVER), ("two", SECOND))
        ]
        limits = {"connections": SIZE, "connections_per_prefix": FRAMES}
        settings = configuration(folder, net.outside, hosts, inside=[net.inside.name], **limits)
        parts.enter_context(agent(net.far, folder))
        parts.enter_context(front(net.outside, settings))
        idle = []
        for number in range(IDLE):
            home = HOMES[number % len(HOMES)]
            idle.append(parts.enter_context(opened(net, SERVER[":" in home], home)))
        yield Ground(net, idle)


@contextmanager
def files(number: int) -> Iterator[None]:
    """So many may be open, here and in the processes that are started meanwhile."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(number, before[0]), max(number, before[1])))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def settle_clients(net: Topology) -> None:
    """Attacker and idle clients get their addresses, and the front its routes to them."""
    net.near.add_addresses(f"{ATTACKER}/32", f"{HOMES[0]}/32", *(f"{home}/128" for home in HOMES[1:]))
    net.outside.add_routes("203.0.113.0/24", "198.51.101.0/24", via=CLIENT[0])
    net.outside.add_routes(*(f"{home[:-1]}/64" for home in HOMES[1:]), via=CLIENT[1])


def listener() -> socket.socket:
    """Takes handshakes, and nobody accepts them."""
    made = socket.socket()
    made.bind((SERVER[0], SILENT))
    made.listen(65535)
    return made


def opened(net: Topology, address: str, source: str) -> socket.socket:
    """A connection that is alive, and then idle."""
    session = connect(net.client, address, TALK, timeout=PATIENCE, source=source)
    session.sendall(b"echo\n")
    speak(session)
    return session


def speak(session: socket.socket) -> None:
    """It is alive in both directions."""
    session.sendall(b"hello")
    assert session.recv(5, socket.MSG_WAITALL) == b"hello"


@dataclass
class Attack:
    """What came of one: frames that the front received, and the host; reasons that the front counted."""

    received: int = 0
    arrived: int = 0
    seen: Counter[Reason] | None = None


def attacked(
    at: Ground, kind: Kind, networks: Sequence[str], callers: Sequence[Caller] = (), port: int = TALK, sources: str = ""
) -> Attack:
    """The attack from its beginning to its end, with honest requests meanwhile, all of which succeed."""
    net, done = at.net, Attack()
    rate = RATE // 2 if kind == "filler" else RATE  # its ACKs are frames, too
    with counting_arrivals(net.server, networks) as arrivals, counting(net.outside) as done.seen:
        before = traffic(net.outside).received
        how: dict[str, Any] = {"kind": kind, "rate": rate, "callers": callers, "sources": sources}
        with flooding(net.near, at.target(port), seconds=SECONDS, **how) as flood:
            ask_until_over(net, flood.process)
            flood.wait(PATIENCE)
        done.received = traffic(net.outside).received - before
        done.arrived = arrivals.count()
    return done


def ask_until_over(net: Topology, flood: Process) -> None:
    """Honest requests, IPv4 and IPv6."""
    asked = 0
    while flood.returncode is None or asked < len(SERVER):
        assert server_socket(net.client, SERVER[asked % 2], TALK, timeout=PATIENCE)["sack"]
        asked += 1


def check(done: Attack) -> None:
    """It was a flood, and the host saw next to nothing of it but what one connection may send at once."""
    assert done.received > 1000 * SECONDS
    told = f"{done.arrived:,} of {done.received:,} frames reached the host"
    assert (done.arrived - BURST) * LEAST_SHARE < done.received, told


@pytest.mark.parametrize("numbered", [False, True], ids=["random numbers", "right numbers"])
@pytest.mark.parametrize("kind", ["known", "known-syn", "known-rst", "known-icmp"])
def test_one_who_is_known(ground: Ground, kind: Kind, numbered: bool) -> None:
    """RSTs with nearly the right numbers: one with the right one ends the connection, as it should."""
    with opened(ground.net, SERVER[0], ATTACKER) as session:
        address, port = session.getsockname()
        sequence, acknowledgment = numbers(session)
        right = [Caller(address, port, sequence, acknowledgment)]
        if kind == "known-rst":
            right = [Caller(address, port, (sequence + 100 * n) % 2**32, acknowledgment) for n in range(1, 17)]
        done = attacked(ground, kind, [ATTACKER], right if numbered else [Caller(address, port)])
        check(done)
        speak(session)


def test_one_who_tells_of_what_the_host_never_sent(ground: Ground) -> None:
    """ICMP errors about connections that nobody knows, of a protected port: a few pass, for there are other fronts."""
    done = attacked(ground, "known-icmp", [ATTACKER], [Caller(ATTACKER, port) for port in range(50_000, 50_016)])
    assert done.seen is not None
    assert 0 < done.seen[Reason.icmp_quote] < done.received // LEAST_SHARE
    assert done.seen[Reason.icmp_error] == 0
    check(done)


@pytest.mark.parametrize("kind", ["guess", "guess-count"])
def test_one_who_guesses(ground: Ground, kind: Kind) -> None:
    check(attacked(ground, kind, [NOBODY], [Caller(NOBODY, 50_000, 1)]))


def test_one_who_guesses_for_a_whole_prefix(ground: Ground) -> None:
    check(attacked(ground, "ack", FLOODS, sources=NEIGHBOURHOOD))


@pytest.mark.parametrize("victim", ["a connection", "any"])
def test_a_tenant_in_anothers_name(ground: Ground, victim: str) -> None:
    """It has its own MAC address. Nothing is ended, next to nothing learned."""
    net = ground.net
    with opened(net, SECOND[0], ATTACKER) as session, counting(net.outside) as seen:
        address, port = session.getsockname() if victim == "a connection" else (NOBODY, 0)
        target = Target(address, port, TENANT_MAC, net.inside.mac)
        callers = [Caller(SECOND[0], TALK)]
        with flooding(net.far, target, seconds=SECONDS, kind="tenant", rate=RATE, callers=callers) as flood:
            ask_until_over(net, flood.process)
            flood.wait(PATIENCE)
        speak(session)
    assert seen[Reason.outbound_end] == 0
    assert seen[Reason.taught] * LEAST_SHARE < flood.frames


def test_one_who_fills_the_table(ground: Ground) -> None:
    """One network makes ten times as many handshakes as the table has room for: all who were idle are still known.

    The filler's own are evicted, and those of the honest requests, which open connections as fast: busy, or over.
    """
    made, before = 0, evictions(ground.net.outside)
    while made < 10 * SIZE:
        done = attacked(ground, "filler", FLOODS, port=SILENT, sources=NEIGHBOURHOOD)
        assert done.seen is not None and done.seen[Reason.answered] > 0
        made += done.seen[Reason.answered]
        check(done)
    remembered = names(ground.net.outside)
    assert sum(name_of(session) in remembered for session in ground.idle) == IDLE
    for session in ground.idle:
        speak(session)
    gone = evictions(ground.net.outside) - before
    assert gone["busy_prefix"] > 0 and gone["other"] == gone["host"] == gone["unconfirmed"] == 0


def evictions(outside: Interface) -> Counter[str]:
    """Connections that have been evicted so far, by why."""
    with pinned(outside, SEARCH) as table:
        return Counter(evicted(Handed({SEARCH.name: table})))


def names(outside: Interface) -> set[tuple[int, int]]:
    """The clients' addresses (IPv4 mapped) and ports that the table has."""
    with pinned(outside, TAGS) as tags, pinned(outside, CONNECTIONS) as table:
        taken = np.frombuffer(bytes(tags.memory()), np.uint8)[: table.table.entries] != 0
        rows = np.frombuffer(bytes(table.memory()), Connection)[: table.table.entries][taken]
    sources = [high.tobytes() + low.tobytes() for high, low in zip(rows["source_high"], rows["source_low"], strict=True)]
    ports = [int.from_bytes(port.tobytes()[:2], "big") for port in rows["ports"]]
    return {(int.from_bytes(source, "big"), port) for source, port in zip(sources, ports, strict=True)}


def name_of(session: socket.socket) -> tuple[int, int]:
    """The same of a client's socket."""
    text, port = session.getsockname()[:2]
    address = ip_address(text)
    return int(address) + (0xFFFF << 32 if address.version == 4 else 0), port
