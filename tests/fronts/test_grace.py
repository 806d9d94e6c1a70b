"""Connections that exist when hardtack is switched on: in the grace period their segments teach; then the door closes."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from handshake.clockwork import end_grace
from handshake.counted import counts
from handshake.raw import Peer, wired
from handshake.stage import PATIENCE, TALK
from lab_ground import eventually
from naive.frames import ACK

from fronts.running import agent, configuration, counting, detach, front, key
from hardtack.lab import topology
from hardtack.lab.addresses import SERVER
from hardtack.lab.attach import attach
from hardtack.lab.clients import connect
from hardtack.lab.programs import PASS
from hardtack.lab.servers import talker
from hardtack.lab.topology import Topology
from hardtack.packet.reasons import Reason

local_or_routed = pytest.mark.parametrize("net", ["routed", "local"], indirect=True)
routed = pytest.mark.parametrize("net", ["routed"], indirect=True)  # and nobody asks conntrack: see test_seeding.py


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the key is."""
    made = tmp_path_factory.mktemp("grace")
    key(made)
    return made


@pytest.fixture(scope="module")
def net(request: pytest.FixtureRequest, folder: Path) -> Iterator[Topology]:
    """A server with a talker, and its agent if that is another machine; no front yet."""
    with ExitStack() as parts:
        made = parts.enter_context(getattr(topology, request.param)())
        parts.enter_context(attach(made.near, PASS))
        parts.enter_context(talker(made.server, SERVER, [TALK]))
        if not made.is_local:
            parts.enter_context(agent(made.far, folder))
        yield made


@contextmanager
def protected(net: Topology, folder: Path, grace: str) -> Iterator[None]:
    """Switched on for the block."""
    via = "local" if net.is_local else "kernel"
    settings = configuration(folder, net.outside, [{"name": "host", "addresses": SERVER, "via": via}], grace=grace)
    with front(net.outside, settings):
        yield
    detach(net.outside)


def opened(net: Topology, parts: ExitStack, number: int) -> list[socket.socket]:
    """Sessions with the server, of both IP versions in turn."""
    made = [connect(net.client, (SERVER * number)[n], TALK, timeout=PATIENCE) for n in range(number)]
    for session in made:
        parts.enter_context(session)
        session.sendall(b"echo\n")
        speak(session)
    return made


def speak(session: socket.socket) -> None:
    """It is alive in both directions."""
    session.sendall(b"hello")
    assert session.recv(5, socket.MSG_WAITALL) == b"hello"


@routed
def test_what_is_spoken_to_in_time_goes_on(net: Topology, folder: Path) -> None:
    with ExitStack() as parts:
        spoken, silent = opened(net, parts, 20), opened(net, parts, 2)
        with protected(net, folder, "10m"):
            with counting(net.outside) as seen:
                for session in spoken:
                    speak(session)
            assert seen[Reason.learned] + seen[Reason.taught] == len(spoken)
            end_grace(net.outside)
            with counting(net.outside) as seen:
                for session in spoken:
                    speak(session)
                assert seen[Reason.learned] == seen[Reason.stray_data] == 0
            with counting(net.outside) as seen:
                for session in silent:
                    session.settimeout(0.3)
                    with pytest.raises(TimeoutError):
                        speak(session)
            assert seen[Reason.stray_data] >= len(silent)
        for session in silent:
            session.settimeout(PATIENCE)
            assert session.recv(5, socket.MSG_WAITALL) == b"hello", "it was only kept waiting"


@local_or_routed
def test_what_the_server_says_teaches_too(net: Topology, folder: Path) -> None:
    """Also when the door is closed: what a host sends is true."""
    with ExitStack() as parts:
        waiting = []
        for address in SERVER:
            with net.server.call(socket.create_server, (address, 0), family=family_of(address)) as listener:
                session = parts.enter_context(connect(net.client, address, listener.getsockname()[1], timeout=PATIENCE))
                waiting.append((parts.enter_context(listener.accept()[0]), session))
        with protected(net, folder, "0s"), counting(net.outside) as seen:
            for accepted, session in waiting:
                accepted.sendall(b"wake up")
                assert session.recv(7, socket.MSG_WAITALL) == b"wake up"
                session.sendall(b"yes?")
                assert accepted.recv(4, socket.MSG_WAITALL) == b"yes?"
        assert seen[Reason.taught] == len(waiting)
        assert seen[Reason.stray_data] == seen[Reason.stray_ack] == 0


def family_of(address: str) -> socket.AddressFamily:
    """For sockets."""
    return socket.AF_INET6 if ":" in address else socket.AF_INET


@pytest.mark.parametrize("net", ["local"], indirect=True)
def test_the_door_closes_by_itself(net: Topology, folder: Path) -> None:
    """A stranger's ACKs: the first are learned, as they might be anybody's, and some time later they are not."""
    with protected(net, folder, "2s"), wired(net) as wire:

        def dropped() -> bool:
            wire.send(Peer(wire, 4, TALK).frame(ACK, ack=1))
            return counts(net.outside)[Reason.stray_ack] > 0

        assert eventually(dropped, PATIENCE)
