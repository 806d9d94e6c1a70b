"""The processes: how they begin, what rights they keep, how they end, and what they leave behind."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest
from lab_ground import eventually

from handshake.attached import tcx_programs, xdp_mode
from handshake.counted import tables_of
from handshake.stage import ADDRESSES, PATIENCE, TALK, agent_command, front_command, refusal, write_configuration
from hardtack.kernel.maps import Map
from hardtack.lab import topology
from hardtack.lab.addresses import SECOND, SERVER
from hardtack.lab.attach import attach
from hardtack.lab.clients import connect, server_socket
from hardtack.lab.process import Process
from hardtack.lab.programs import PASS
from hardtack.lab.servers import talker
from hardtack.lab.topology import Topology
from hardtack.packet.entries import ONLY
from hardtack.packet.layout import CLOCK

local, routed = (pytest.mark.parametrize("net", [name], indirect=True) for name in ("local", "routed"))
both = pytest.mark.parametrize("net", ["routed", "local"], indirect=True)
ENDINGS = [signal.SIGTERM, signal.SIGINT]


@pytest.fixture(scope="module")
def net(request: pytest.FixtureRequest) -> Iterator[Topology]:
    """A topology with a talker, and nothing else attached yet."""
    with (
        getattr(topology, request.param)() as made,
        attach(made.near, PASS),
        talker(made.server, SERVER + SECOND, [TALK]),
    ):
        yield made


@contextmanager
def protected(net: Topology, folder: Path) -> Iterator[list[Process]]:
    """Agent, where it is a process of its own, and front, ready."""
    configuration = write_configuration(net, folder)
    processes = []
    if not net.is_local:
        processes.append(Process(agent_command(net.far.name, folder / "key"), net.server))
    processes.append(Process(front_command(configuration), net.front))
    try:
        for process in processes:
            process.wait_for("ready", PATIENCE)
        yield processes
    finally:
        for process in processes:
            process.stop()


def attached(net: Topology) -> tuple[str, int]:
    """The front's mode, and the number of agents."""
    return xdp_mode(net.outside), tcx_programs(net.far)


@both
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_signal_ends_them_and_nothing_is_left(net: Topology, tmp_path: Path, ending: signal.Signals) -> None:
    with protected(net, tmp_path) as processes:
        assert attached(net) == ("driver", 1)
        assert server_socket(net.client, ADDRESSES[4], TALK, timeout=PATIENCE)["sack"]
        for process in processes:
            process.send(ending)
            assert process.wait(PATIENCE) == 0
            assert "detached" in process.lines[-1] and ending.name in process.lines[-1]
            assert "Traceback" not in "\n".join(process.lines)
        assert attached(net) == ("", 0)
    told = " ".join(process.lines[-1] for process in processes)
    assert "answered=1" in told
    assert net.is_local or "admitted=1" in told


@both
def test_a_crash_leaves_nothing_attached(net: Topology, tmp_path: Path) -> None:
    with protected(net, tmp_path) as processes:
        for process in processes:
            process.stop(signal.SIGKILL)
        assert attached(net) == ("", 0)


@both
def test_what_was_open_stays_open_when_it_is_switched_on_and_off(net: Topology, tmp_path: Path) -> None:
    with ExitStack() as sockets:

        def opened() -> list[socket.socket]:
            made = [connect(net.client, address, TALK, timeout=PATIENCE) for address in ADDRESSES.values()]
            for connection in made:
                sockets.enter_context(connection)
                connection.sendall(b"echo\n")
            return made

        connections = opened()
        for _ in range(2):
            with protected(net, tmp_path) as processes:
                check_echoes(connections)
                connections += opened()
                check_echoes(connections)
            assert "answered=2" in processes[-1].lines[-1]
            check_echoes(connections)
            connections += opened()
            check_echoes(connections)


def check_echoes(connections: list[socket.socket]) -> None:
    """Whether each is alive in both directions."""
    for number, connection in enumerate(connections):
        word = b"%5d" % number
        connection.sendall(word)
        assert connection.recv(5, socket.MSG_WAITALL) == word


@routed
def test_they_keep_no_rights_and_still_keep_the_time(net: Topology, tmp_path: Path) -> None:
    with protected(net, tmp_path) as processes:
        for process in processes:
            status = Path(f"/proc/{process.pid}/status").read_text()
            facts = dict(line.split(":\t", 1) for line in status.splitlines())
            held = {kind: int(facts[kind], 16) for kind in ("CapEff", "CapPrm", "CapInh", "CapAmb")}
            assert not any(held.values()), held
            assert facts["NoNewPrivs"] == "1"
            with tables_of(process.pid, CLOCK) as [clock]:
                clock.update(ONLY, bytes(8))
                assert eventually(partial(reads_otherwise, clock, bytes(8)), PATIENCE)
                right = time.clock_gettime_ns(time.CLOCK_REALTIME) - time.clock_gettime_ns(time.CLOCK_MONOTONIC)
                assert abs(int.from_bytes(clock.lookup(ONLY) or b"", "little") - right) < 10**9


def reads_otherwise(table: Map, value: bytes) -> bool:
    """Whether a one-entry table holds anything but `value`."""
    return table.lookup(ONLY) != value


@local
def test_a_second_front_is_refused_and_the_first_goes_on(net: Topology, tmp_path: Path) -> None:
    with protected(net, tmp_path):
        told = refusal(front_command(tmp_path / "hardtack.toml"), net.front, status=1)
        assert net.outside.name in told and "is attached to" in told and "stop its owner" in told
        assert attached(net) == ("driver", 1)
        assert server_socket(net.client, ADDRESSES[6], TALK, timeout=PATIENCE)["sack"]


@routed
def test_a_second_agent_does_no_harm(net: Topology, tmp_path: Path) -> None:
    with protected(net, tmp_path), Process(agent_command(net.far.name, tmp_path / "key"), net.server) as second:
        second.wait_for("ready", PATIENCE)
        assert attached(net) == ("driver", 2)
        for address in SERVER:
            assert server_socket(net.client, address, TALK, timeout=PATIENCE)["sack"]
