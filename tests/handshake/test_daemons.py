"""The processes: how they begin, what rights they keep, how they end, and what goes on without them."""

from __future__ import annotations

import json
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from lab_ground import eventually

from handshake.attached import tcx_programs, xdp_mode
from handshake.counted import folder_of, pinned
from handshake.stage import (
    ADDRESSES,
    PATIENCE,
    TALK,
    agent_command,
    detach,
    front_command,
    refusal,
    write_configuration,
)
from hardtack.kernel import lock
from hardtack.kernel.maps import Map
from hardtack.lab import topology
from hardtack.lab.addresses import SECOND, SERVER
from hardtack.lab.attach import attach
from hardtack.lab.clients import connect, server_socket
from hardtack.lab.links import Interface, join
from hardtack.lab.process import Process, run
from hardtack.lab.programs import PASS
from hardtack.lab.servers import talker
from hardtack.lab.topology import Topology
from hardtack.packet.entries import ONLY
from hardtack.packet.layout import CLOCK, CONNECTIONS

local, routed = (pytest.mark.parametrize("net", [name], indirect=True) for name in ("local", "routed"))
both = pytest.mark.parametrize("net", ["routed", "local"], indirect=True)


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
def started(net: Topology, configuration: Path) -> Iterator[list[Process]]:
    """Agent, where it is a process of its own, and front, ready: the front is the last. They end with the block."""
    processes = []
    if not net.is_local:
        processes.append(Process(agent_command(net.far.name, configuration.parent / "key"), net.server))
    processes.append(Process(front_command(configuration), net.front))
    try:
        for process in processes:
            process.wait_for(r"\bready\b", PATIENCE)
        yield processes
    finally:
        for process in processes:
            process.stop()


@contextmanager
def protected(net: Topology, configuration: Path) -> Iterator[list[Process]]:
    """The same, and nothing is attached any more in the end."""
    try:
        with started(net, configuration) as processes:
            yield processes
    finally:
        detach(net)


def attached(net: Topology) -> tuple[str, int]:
    """The front's mode, and the number of agents."""
    return xdp_mode(net.outside), tcx_programs(net.far)


def said(process: Process, event: str) -> dict[str, str]:
    """The facts of the last line about an event."""
    line = [line for line in process.lines if f" {event} " in line][-1]
    return dict(word.split("=", 1) for word in line.split() if "=" in word)


def known(net: Topology) -> list[dict[str, Any]]:
    """What `hardtack connections` lists."""
    done = run([sys.executable, "-m", "hardtack", "connections", "--json"], net.front, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def reasons(net: Topology) -> dict[str, dict[str, int]]:
    """What `hardtack status` has counted, by host."""
    done = run([sys.executable, "-m", "hardtack", "status", "--json"], net.front, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    (front,) = [one for one in json.loads(done.stdout)["attached"] if one["role"] == "front"]
    return {host: frames["reasons"] for host, frames in front["hosts"].items()}


@both
def test_protection_outlives_the_processes_and_the_next_take_it_over(net: Topology, tmp_path: Path) -> None:
    configuration = write_configuration(net, tmp_path)
    with ExitStack() as sockets:

        def opened() -> list[socket.socket]:
            made = [connect(net.client, address, TALK, timeout=PATIENCE) for address in ADDRESSES.values()]
            for connection in made:
                sockets.enter_context(connection)
                connection.sendall(b"echo\n")
            check_echoes(made)
            return made

        connections, ports = list[socket.socket](), set[int]()
        for number, ending in enumerate((signal.SIGTERM, signal.SIGKILL, signal.SIGINT)):
            with started(net, configuration) as processes:
                for process in processes:
                    assert said(process, "ready")["adopted"] == ("true" if number else "false")
                assert said(processes[-1], "ready")["connections"] == str(len(connections))
                assert attached(net) == ("driver", 1)
                connections += opened()
                check_echoes(connections)
                for process in processes:
                    process.send(ending)
                    status = process.wait(PATIENCE)
                    assert status == (-signal.SIGKILL if ending == signal.SIGKILL else 0)
                    if status == 0:
                        assert f" left interface={said(process, 'ready')['interface']} " in process.lines[-1]
                        assert f"signal={ending.name} programs=stay" in process.lines[-1]
                    assert "Traceback" not in "\n".join(process.lines)
            assert attached(net) == ("driver", 1)
            check_echoes(connections)
            connections += opened()  # by programs and keys that nobody watches over
            ports |= {connection.getsockname()[1] for connection in connections}
            assert {entry["client_port"] for entry in known(net)} == ports
            assert {entry["origin"] for entry in known(net)} == {"cookie"}
        detach(net)
        assert attached(net) == ("", 0)
        check_echoes(connections)
        assert not [*lock.FOLDER.glob(f"*-{net.outside.name}.*"), *lock.FOLDER.glob(f"*-{net.far.name}.*")]
        assert not folder_of(net.outside).path.exists() and not folder_of(net.far, "agent").path.exists()


def check_echoes(connections: list[socket.socket]) -> None:
    """Whether each is alive in both directions."""
    for number, connection in enumerate(connections):
        word = b"%5d" % number
        connection.sendall(word)
        assert connection.recv(5, socket.MSG_WAITALL) == word


@both
def test_they_keep_no_rights_and_still_keep_the_time(net: Topology, tmp_path: Path) -> None:
    """No thread of theirs has a capability, or is root's."""
    with protected(net, write_configuration(net, tmp_path)) as processes:
        for process, interface in zip(processes[::-1], (net.outside, net.far), strict=False):
            process.send(signal.SIGHUP)
            process.wait_for(r" INFO (not-reloaded signal=SIGHUP|reloaded by=SIGHUP changes=0) ", PATIENCE)
            for status in Path(f"/proc/{process.pid}/task").glob("*/status"):
                facts = dict(line.split(":\t", 1) for line in status.read_text().splitlines())
                held = {kind: int(facts[kind], 16) for kind in ("CapEff", "CapPrm", "CapInh", "CapAmb")}
                assert not any(held.values()), (facts["Name"], held)
                assert "0" not in (facts["Uid"] + facts["Gid"]).split()
                assert facts["NoNewPrivs"] == "1"
            role = "front" if process is processes[-1] else "agent"
            with pinned(interface, CLOCK, role) as clock:  # type: ignore[arg-type]
                clock.update(ONLY, bytes(CLOCK.value_size))
                assert eventually(partial(reads_otherwise, clock, bytes(CLOCK.value_size)), PATIENCE)
                right = time.clock_gettime_ns(time.CLOCK_REALTIME) - time.clock_gettime_ns(time.CLOCK_MONOTONIC)
                assert abs(int.from_bytes((clock.lookup(ONLY) or b"")[:8], "little") - right) < 10**9


def reads_otherwise(table: Map, value: bytes) -> bool:
    """Whether a one-entry table holds anything but `value`."""
    return table.lookup(ONLY) != value


@both
def test_what_was_open_stays_open_when_it_is_switched_on(net: Topology, tmp_path: Path) -> None:
    """In the grace period the front learns of it, from either end, and goes on knowing it without one."""
    configuration = write_configuration(net, tmp_path)
    configuration.write_text(configuration.read_text().replace('grace = "0s"', 'grace = "10m"'))
    with ExitStack() as sockets:
        connections = []
        for address in ADDRESSES.values():
            connections.append(sockets.enter_context(connect(net.client, address, TALK, timeout=PATIENCE)))
            connections[-1].sendall(b"echo\n")
        with protected(net, configuration) as processes:
            assert float(said(processes[-1], "ready")["grace"]) > 500
            check_echoes(connections)
            assert {entry["origin"] for entry in known(net)} <= {"grace", "host", "seed"}
            assert len(known(net)) == len(connections)
            for process in processes:
                process.stop()
            with started(net, configuration) as again:
                assert said(again[-1], "ready")["grace"] != "0.0"  # goes on
                for process in again:
                    process.stop()
            configuration.write_text(configuration.read_text().replace('grace = "10m"', 'grace = "0s"'))
            with started(net, configuration) as last:
                assert float(said(last[-1], "ready")["grace"]) > 0  # was promised by the first
                check_echoes(connections)


@routed
def test_another_configuration_takes_over(net: Topology, tmp_path: Path) -> None:
    """Another size of the table, another order of the hosts, an inside interface that comes and goes: nobody notices.

    A host keeps its counters, and one with a new name begins at 0.
    """
    configuration = write_configuration(net, tmp_path)
    text = configuration.read_text()
    with (
        protected(net, configuration) as processes,
        connect(net.client, ADDRESSES[4], TALK, timeout=PATIENCE) as connection,
    ):
        connection.sendall(b"echo\n")
        check_echoes([connection])
        assert [entry["host"] for entry in known(net)] == ["some-ports"]
        processes[-1].stop()

        front, first, second = text.partition("[[host]]")[0], *text.split("[[host]]")[1:]
        other = f'{front}inside = ["{net.inside.name}"]\nconnections = 5000\n[[host]]{second}[[host]]{first}'
        configuration.write_text(other.replace("all-ports", "a-new-name"))
        with started_front(net, configuration) as changed:
            assert said(changed, "moved")["connections"] == "1"
            assert not [line for line in changed.lines if " dropped " in line]
            assert said(changed, "removed")["program"] == f"leaving-{net.outside.name}"
            assert said(changed, "ready")["connections"] == "1"
            assert xdp_mode(net.inside) == "driver"
            check_echoes([connection])
            assert [(entry["host"], entry["origin"]) for entry in known(net)] == [("some-ports", "cookie")]
            assert reasons(net).keys() == {"some-ports", "a-new-name"}
            assert reasons(net)["some-ports"]["remembered"] == 1 and not any(reasons(net)["a-new-name"].values())
            with pinned(net.outside, CONNECTIONS) as table:
                assert table.table.entries == 5000 * 3 // 2 + 4  # whole buckets
        configuration.write_text(text)
        with started_front(net, configuration) as back:
            assert said(back, "removed")["program"] == f"inside-{net.inside.name}"
            assert xdp_mode(net.inside) == ""
            check_echoes([connection])
            assert [entry["host"] for entry in known(net)] == ["some-ports"]


@contextmanager
def started_front(net: Topology, configuration: Path) -> Iterator[Process]:
    """Ready."""
    with Process(front_command(configuration), net.front) as front:
        front.wait_for(r"\bready\b", PATIENCE)
        yield front


@routed
def test_tables_of_another_version_are_dropped_and_nobody_notices(net: Topology, tmp_path: Path) -> None:
    configuration = write_configuration(net, tmp_path)
    configuration.write_text(configuration.read_text().replace('grace = "0s"', 'grace = "10m"'))
    with (
        protected(net, configuration) as processes,
        connect(net.client, ADDRESSES[4], TALK, timeout=PATIENCE) as connection,
    ):
        connection.sendall(b"echo\n")
        check_echoes([connection])
        processes[-1].stop()
        path = folder_of(net.outside).table_path(CONNECTIONS)
        path.rename(path.with_name("connections-00000000"))  # as a version with other records would have pinned it
        with started_front(net, configuration) as front:
            dropped = [line for line in front.lines if " dropped " in line]
            assert ["WARNING dropped table=connections why=" in line for line in dropped].count(True) == 1
            assert 'why="made by another version"' in dropped[0]
            assert (said(front, "ready")["adopted"], said(front, "ready")["connections"]) == ("true", "0")
            assert float(said(front, "ready")["grace"]) > 500
            check_echoes([connection])
            assert [entry["origin"] for entry in known(net)] == ["grace"]
        assert folder_of(net.outside).tables()["connections"] == [path]


@local
def test_a_signal_does_not_cut_a_start_in_half(net: Topology, tmp_path: Path) -> None:
    with Process(front_command(write_configuration(net, tmp_path)), net.front) as front:
        assert eventually(partial(heeds, front.pid, signal.SIGHUP), PATIENCE)
        front.send(signal.SIGHUP)
        assert eventually(partial(heeds, front.pid, signal.SIGTERM), PATIENCE)
        front.send(signal.SIGTERM)
        assert front.wait(PATIENCE) == 0, front.lines[-12:]
    events = [line.split()[2] for line in front.lines]
    assert [event for event in events if event != "program"] == ["ready", "left"], front.lines
    assert attached(net) == ("driver", 1)
    detach(net)


def heeds(pid: int, number: signal.Signals) -> bool:
    """Whether a process has a handler of its own for a signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    return bool(int(status.partition("SigCgt:")[2].split()[0], 16) >> (number - 1) & 1)


@both
def test_one_process_for_each_interface(net: Topology, tmp_path: Path) -> None:
    configuration = write_configuration(net, tmp_path)
    with started(net, configuration) as processes:
        front = processes[-1]
        remove = [sys.executable, "-m", "hardtack", "detach"]
        for command in (front_command(configuration), remove, [*front_command(configuration), "--detach"]):
            told = refusal(command, net.front, status=1)
            assert f"a front is running on {net.outside.name}, process {front.pid}; stop it first: kill {front.pid}" in told
        if not net.is_local:
            key = configuration.parent / "key"
            for command in (agent_command(net.far.name, key), remove):
                told = refusal(command, net.server, status=1)
                assert f"an agent is running on {net.far.name}, process {processes[0].pid}; stop it first" in told
        assert attached(net) == ("driver", 1)
        assert server_socket(net.client, ADDRESSES[6], TALK, timeout=PATIENCE)["sack"]
        for process in processes:
            assert process.stop() == 0
        ends: list[tuple[list[object], Interface]] = [([*front_command(configuration), "--detach"], net.outside)]
        if not net.is_local:
            agent: list[object] = [sys.executable, "-m", "hardtack.agent", "--interface", net.far.name, "--detach"]
            ends.append((agent, net.far))
        for command, interface in ends:
            done = run(command, interface.namespace, timeout=PATIENCE)
            assert done.returncode == 0 and done.stdout.decode().startswith(f"{interface.name}: "), done.stderr
        assert attached(net) == ("", 0)


@pytest.mark.parametrize("role", ["front", "agent"])
def test_an_interface_that_goes_and_comes_back(role: str, tmp_path: Path) -> None:
    """Nobody is left believing in a protection that is not there."""
    with topology.routed() as made:
        configuration = write_configuration(made, tmp_path)
        inside, other = (made.front, made.client) if role == "front" else (made.server, made.front)
        here, there = (made.outside, made.near) if role == "front" else (made.far, made.inside)
        command = front_command(configuration) if role == "front" else agent_command(here.name, tmp_path / "key")
        with Process(command, inside) as process:
            process.wait_for(r"\bready\b", PATIENCE)
            assert run(["ip", "link", "delete", here.name], inside).returncode == 0
            process.wait_for(rf"ERROR interface-gone interface={here.name} ", PATIENCE)
            assert process.returncode is None
            join(inside, here.name, other, there.name)
            process.wait_for(rf"hardtack: {here.name} is back", PATIENCE)
            assert process.wait(PATIENCE) == 1
        with Process(command, inside) as process:
            assert "adopted=false" in process.wait_for(r"\bready\b", PATIENCE)
            assert process.stop() == 0
        done = run([sys.executable, "-m", "hardtack", "detach"], inside, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr


@local
def test_somebody_elses_program_is_left_alone_and_nothing_stays(net: Topology, tmp_path: Path) -> None:
    configuration = write_configuration(net, tmp_path)
    with attach(net.outside, PASS):
        told = refusal(front_command(configuration), net.front, status=1)
        assert net.outside.name in told and "is attached to" in told and "stop its process" in told
        assert attached(net) == ("driver", 0)
    assert not folder_of(net.outside).path.exists()
    assert not [*lock.FOLDER.glob(f"*-{net.outside.name}.*")]
