"""`challenge` and `pass` with real kernels: hosts without an agent, one handshake after another, and proven sources.

The client's address is proven by its first connection, and its next ones go on at once: whatever becomes of the process.
"""

from __future__ import annotations

import json
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from handshake.attached import tcx_programs
from handshake.stage import ADDRESSES, PATIENCE, TALK, write_configuration
from handshake.test_daemons import both, check_echoes, known, protected, reasons, routed, said, started, started_front
from hardtack.lab import topology
from hardtack.lab.addresses import CLIENT, SECOND, SERVER
from hardtack.lab.attach import attach
from hardtack.lab.clients import connect
from hardtack.lab.process import Process, run
from hardtack.lab.programs import PASS
from hardtack.lab.servers import talker
from hardtack.lab.topology import Topology


@pytest.fixture(scope="module")
def net(request: pytest.FixtureRequest) -> Iterator[Topology]:
    """A topology with a talker, and nothing else attached yet."""
    with (
        getattr(topology, request.param)() as made,
        attach(made.near, PASS),
        talker(made.server, SERVER + SECOND, [TALK]),
    ):
        yield made


def having(net: Topology, folder: Path, handshake: str, front: str = "") -> Path:
    """A configuration with this handshake for all hosts; `front`: a further line of [front]."""
    path = write_configuration(net, folder)
    text = path.read_text().replace('handshake = "agent"', f'handshake = "{handshake}"')
    path.write_text(text.replace('grace = "0s"', f'grace = "0s"\n{front}'))
    return path


def asked(net: Topology, *words: object) -> list[dict[str, Any]]:
    """What a command of hardtack's prints, a JSON object a line."""
    done = run([sys.executable, "-m", "hardtack", *words, "--json"], net.front, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def opened(net: Topology, sockets: ExitStack, version: int = 4) -> socket.socket:
    """A connection that is in use."""
    made = sockets.enter_context(connect(net.client, ADDRESSES[version], TALK, timeout=PATIENCE))
    made.sendall(b"echo\n")
    check_echoes([made])
    return made


def taken_off(net: Topology) -> None:
    """The front, and an agent that is there with it."""
    command = [sys.executable, "-m", "hardtack", "detach", "--interface", net.outside.name]
    done = run(command, net.front, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr


def reload(net: Topology, front: Process) -> None:
    """Have the file read again; it takes no restart."""
    done = run([sys.executable, "-m", "hardtack", "reload"], net.front, timeout=PATIENCE)
    assert done.returncode == 0, (done.stdout, done.stderr, front.lines)


@both
@pytest.mark.parametrize("handshake", ["challenge", "pass"])
def test_a_host_without_an_agent_is_protected(net: Topology, tmp_path: Path, handshake: str) -> None:
    """No program of an agent is here, not even where the host is this machine."""
    configuration = having(net, tmp_path, handshake)
    with ExitStack() as sockets, started_front(net, configuration) as front:
        sockets.callback(taken_off, net)
        assert said(front, "ready")["agent_here"] == "false"
        connections = [opened(net, sockets, version) for version in (4, 6, 4, 6)]
        check_echoes(connections)
        assert [(one["state"], one["origin"]) for one in known(net)] == [("established", "syn")] * 4
        counted = reasons(net)["some-ports"]
        proofs = 2 if handshake == "challenge" else 0
        assert (counted.get("challenged", 0), counted.get("proof", 0)) == (proofs, proofs)
        assert (counted["opened"], counted["established"]) == (4, 4)
        assert {one["source"] for one in asked(net, "sources")} == ({*CLIENT} if proofs or net.is_local else set())


@routed
def test_proven_sources_outlive_their_front(net: Topology, tmp_path: Path) -> None:
    """SIGKILL, a restart, a table of another size, and a reload: nobody is challenged twice."""
    configuration = having(net, tmp_path, "challenge")
    text = configuration.read_text()
    with ExitStack() as sockets:
        sockets.callback(taken_off, net)
        with started_front(net, configuration) as front:
            opened(net, sockets)
            (found,) = asked(net, "sources")
            assert (found["source"], found["allowance"], found["half_open"], found["lost"]) == (CLIENT[0], 5, 0, 0)
            front.send(signal.SIGKILL)
            front.wait(PATIENCE)
        opened(net, sockets)
        assert [one["source"] for one in asked(net, "sources", "--source", "198.51.100.0/24")] == [CLIENT[0]]
        for size, moves in ((1_000_000, False), (5_000, True), (2_000_000, True)):
            configuration.write_text(text.replace('grace = "0s"', f'grace = "0s"\nsources = {size}'))
            with started_front(net, configuration) as front:
                moved = [line for line in front.lines if " moved " in line]
                assert not moved if not moves else " table=proven " in moved[0] and " sources=1 lost=0" in moved[0], moved
                opened(net, sockets)
                (status,) = statuses(net)
                assert (status["sources"]["count"], status["sources"]["capacity"] >= size) == (1, True)
                assert status["sources"]["memory_each"] <= 32 or size < 10_000  # whole pages
                assert status["handshakes"]["all-ports"] == {"configured": "challenge", "holds": "challenge"}
                configuration.write_text(configuration.read_text() + "\n")
                reload(net, front)
                opened(net, sockets)
        assert reasons(net)["some-ports"]["challenged"] == 1
        (found,) = asked(net, "sources")
        assert found["allowance"] == 12


def statuses(net: Topology) -> list[dict[str, Any]]:
    """Of each front here."""
    done = run([sys.executable, "-m", "hardtack", "status", "--json"], net.front, timeout=PATIENCE)
    return [one for one in json.loads(done.stdout)["attached"] if one["role"] == "front"]


@routed
def test_from_one_handshake_to_another(net: Topology, tmp_path: Path) -> None:
    """By a reload, each to each: what is known stays known, and the next client is served as the new one says."""
    configuration = having(net, tmp_path, "agent")
    with ExitStack() as sockets, protected(net, configuration) as (_, front):
        connections = [opened(net, sockets)]
        for handshake in ("challenge", "pass", "agent", "pass", "challenge", "agent"):
            before = reasons(net)["some-ports"]
            having(net, tmp_path, handshake)
            reload(net, front)
            connections.append(opened(net, sockets))
            check_echoes(connections)
            grown = {key: count - before.get(key, 0) for key, count in reasons(net)["some-ports"].items()}
            assert grown.get("remembered", 0) == (handshake == "agent")
            assert grown.get("established", 0) == (handshake != "agent")
        assert len(known(net)) == len(connections)
        assert reasons(net)["some-ports"].get("challenged") == 1


@pytest.mark.parametrize("net", ["local"], indirect=True)
def test_an_agent_here_takes_a_restart(net: Topology, tmp_path: Path) -> None:
    """Away from it does not, nor back while it is attached. Whoever is connected notices nothing."""
    configuration = having(net, tmp_path, "agent")
    with ExitStack() as sockets:
        sockets.callback(taken_off, net)
        with started(net, configuration) as (front,):
            connections = [opened(net, sockets)]
            having(net, tmp_path, "challenge")
            reload(net, front)
            connections.append(opened(net, sockets))
            check_echoes(connections)
            for handshake in ("agent", "challenge"):
                having(net, tmp_path, handshake)
                reload(net, front)
                connections.append(opened(net, sockets))
        with started(net, configuration) as (front,):
            assert said(front, "ready")["agent_here"] == "false" and tcx_programs(net.far) == 0
            connections.append(opened(net, sockets))
            check_echoes(connections)
            having(net, tmp_path, "agent")
            done = run([sys.executable, "-m", "hardtack", "reload"], net.front, timeout=PATIENCE)
            assert done.returncode == 1 and b'handshake = "agent" with via = "local"' in done.stderr + done.stdout
            connections.append(opened(net, sockets))  # as before
        with started(net, configuration) as (front,):
            assert said(front, "ready")["agent_here"] == "true" and tcx_programs(net.far) == 1
            connections.append(opened(net, sockets))
            check_echoes(connections)
