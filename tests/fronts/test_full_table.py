"""The connection table full of real connections, from an army of real addresses: its size stays, and the recent go on.

Who gives way is the least recently used of sixteen places, so with more connections than there is room for, old ones go
first, but not strictly by age. Their segments are then a stranger's: dropped, until their clients open new connections.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from handshake.counted import pinned
from handshake.raw import Heard, Peer, Wire, wired
from handshake.stage import ADDRESSES, PATIENCE, SILENT, TALK
from naive.frames import ACK, PSH, SYN
from naive.parse import Segment, parse

from fronts.running import Value, configuration, counting, front, known
from hardtack.lab import topology
from hardtack.lab.addresses import SERVER
from hardtack.lab.attach import attach
from hardtack.lab.clients import connect, download
from hardtack.lab.programs import PASS
from hardtack.lab.servers import talker
from hardtack.lab.topology import Topology
from hardtack.packet.layout import CONNECTIONS, WAYS
from hardtack.packet.reasons import Reason

SIZE = 1000  # `connections`, which is the least
ARMY = 2500  # of each IP version: several times what the table holds
RECENT = 200
SQUAD = 100  # of them at once: the link's queue holds 256 frames
FEW = 50  # frames that the queue of a link surely holds


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    """A host with a talker, and listeners whose connections nobody ever accepts."""
    folder: Path = tmp_path_factory.mktemp("full")
    with ExitStack() as parts:
        made = parts.enter_context(topology.local())
        parts.enter_context(attach(made.near, PASS))
        parts.enter_context(talker(made.server, SERVER, [TALK]))
        made.server.sysctl("net.core.somaxconn", 65535)
        for address in SERVER:
            parts.enter_context(made.server.call(listener, address))
        hosts: list[dict[str, Value]] = [{"name": "host", "addresses": SERVER, "via": "local"}]
        settings = configuration(folder, made.outside, hosts, connections=SIZE)
        parts.enter_context(front(made.outside, settings))
        yield made


def listener(address: str) -> socket.socket:
    """With room for an army."""
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    made.bind((address, SILENT))
    made.listen(65535)
    return made


@pytest.fixture
def wire(net: Topology) -> Iterator[Wire]:
    """The army's link."""
    with wired(net) as made:
        yield made


def march(wire: Wire, version: int, between: Callable[[], None]) -> list[Peer]:
    """An army of clients, each from an address of its own, all with the handshake and a first word behind them."""
    peers = [Peer(wire, version, SILENT, source_port=20_000 + number) for number in range(ARMY)]
    for start in range(0, ARMY, SQUAD):
        squad = {peer.source_port: peer for peer in peers[start : start + SQUAD]}
        waiting = dict(squad)
        while waiting:  # a busy machine loses frames: who has no answer asks again
            before = len(wire.heard())
            wire.send(*(peer.frame(SYN, seq=peer.isn, ack=0) for peer in waiting.values()))
            wire.settle()
            for frame in wire.heard()[before:]:
                segment = parse(frame)
                if isinstance(segment, Segment) and segment.flags == SYN | ACK and segment.destination_port in waiting:
                    waiting.pop(segment.destination_port).take(Heard(frame, segment))
        for number, peer in enumerate(squad.values(), 1):
            peer.send(ACK | PSH, b"hello")
            if number % FEW == 0:
                wire.settle()
        between()
    wire.settle()
    return peers


def test_an_army(net: Topology, wire: Wire, version: int) -> None:
    with pinned(net.outside, CONNECTIONS) as table:
        room = table.table.entries
    assert SIZE * 1.5 <= room < SIZE * 1.5 + WAYS
    with connect(net.client, ADDRESSES[version], TALK, timeout=PATIENCE) as session:
        session.sendall(b"echo\n")

        def speak() -> None:
            session.sendall(b"hello")
            assert session.recv(5, socket.MSG_WAITALL) == b"hello"

        with counting(net.outside) as seen:
            peers = march(wire, version, speak)
        assert seen[Reason.answered] >= ARMY and seen[Reason.remembered] == ARMY
        assert room * 0.95 < known(net.outside) <= room
        speak()
    recent, old = peers[-RECENT:], peers[:RECENT]
    with counting(net.outside) as seen:
        wire.send(*(peer.frame(ACK | PSH, b"still here") for peer in recent))
        wire.settle()
    assert seen[Reason.connection] >= RECENT * 0.98
    with counting(net.outside) as seen:
        wire.send(*(peer.frame(ACK | PSH, b"still here") for peer in old))
        wire.settle()
    assert seen[Reason.stray_data] > RECENT * 0.9
    download(net.client, ADDRESSES[version], TALK, 1_000_000, timeout=PATIENCE)  # there is room for newcomers


def test_syns_take_no_room(net: Topology, wire: Wire, version: int) -> None:
    with counting(net.outside) as seen:
        before = known(net.outside)
        for _ in range(10):
            wire.send(
                *(peer.frame(SYN, seq=peer.isn, ack=0) for peer in (Peer(wire, version, SILENT) for _ in range(SQUAD)))
            )
            wire.settle()
        assert known(net.outside) == before
    assert seen[Reason.answered] == 10 * SQUAD
