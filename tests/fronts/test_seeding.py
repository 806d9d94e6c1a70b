"""Who was there before the front and says nothing all through its grace period is known, if anybody else knows him."""

from __future__ import annotations

import json
import os
import shlex
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from handshake.counted import counts
from handshake.firewall import rules
from handshake.raw import Peer, wired
from handshake.stage import HTTP, PATIENCE, TALK
from lab_ground import eventually
from naive.frames import ACK

from fronts.running import Value, agent, configuration, counting, detach, front, key, known
from hardtack.lab import topology
from hardtack.lab.addresses import SERVER
from hardtack.lab.attach import attach
from hardtack.lab.clients import connect
from hardtack.lab.namespaces import Namespace
from hardtack.lab.process import Process, run
from hardtack.lab.programs import PASS
from hardtack.lab.servers import talker
from hardtack.lab.topology import Topology
from hardtack.packet.reasons import Reason

# All that makes conntrack look at frames: somebody asks it
STATEFUL = "table inet some { chain on { type filter hook forward priority filter; ct state established accept; }; }"
HARDTACK = [sys.executable, "-m", "hardtack"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the key is."""
    made = tmp_path_factory.mktemp("seeding")
    key(made)
    return made


@pytest.fixture(scope="module", params=["local", "routed"])
def net(request: pytest.FixtureRequest, folder: Path) -> Iterator[Topology]:
    """A server with a talker, and its agent if that is another machine; no front yet."""
    with ExitStack() as parts:
        made = parts.enter_context(getattr(topology, request.param)())
        parts.enter_context(attach(made.near, PASS))
        parts.enter_context(talker(made.server, SERVER, [TALK, HTTP]))
        if not made.is_local:
            parts.enter_context(agent(made.far, folder))
        yield made


local, routed = (pytest.mark.parametrize("net", [name], indirect=True) for name in ("local", "routed"))


@contextmanager
def switched_on(net: Topology, folder: Path, grace: str, **more: int) -> Iterator[str]:
    """For the block, the talker's first port protected; what the front says of seeds. Its process has gone."""
    via = "local" if net.is_local else "kernel"
    host: dict[str, Value] = {"name": "host", "addresses": SERVER, "ports": [TALK], "via": via}
    with front(net.outside, configuration(folder, net.outside, [host], grace=grace, **more)) as process:
        said = [line for line in process.lines if "seeded" in line]
    try:
        yield said[0] if said else ""
    finally:
        detach(net.outside)


def opened(net: Topology, parts: ExitStack, port: int = TALK, number: int = 1) -> list[socket.socket]:
    """Sessions with the server, of both IP versions."""
    made = [connect(net.client, address, port, timeout=PATIENCE) for address in SERVER for _ in range(number)]
    for session in made:
        parts.enter_context(session)
        session.sendall(b"echo\n")
        speak(session)
    return made


def speak(session: socket.socket) -> None:
    """It is alive in both directions."""
    session.sendall(b"hello")
    assert session.recv(5, socket.MSG_WAITALL) == b"hello"


def wait_for_the_door(net: Topology) -> None:
    """Until strangers' segments are dropped."""
    with wired(net) as wire:

        def dropped() -> bool:
            before = counts(net.outside)[Reason.stray_ack]
            wire.send(Peer(wire, 4, TALK).frame(ACK, ack=1))
            return eventually(lambda: counts(net.outside)[Reason.stray_ack] > before, 1.0)

        assert eventually(dropped, PATIENCE)


def lives_on(net: Topology, sessions: list[socket.socket]) -> None:
    """None of them is a stranger's."""
    with counting(net.outside) as seen:
        for session in sessions:
            speak(session)
    assert seen[Reason.stray_data] == seen[Reason.stray_ack] == seen[Reason.learned] == 0


def dies(session: socket.socket) -> None:
    """Nobody answers."""
    session.settimeout(0.5)
    with pytest.raises(TimeoutError):
        speak(session)


def hardtack(namespace: Namespace, command: str, status: int = 0) -> tuple[str, str]:
    """What a command says, by a shell: on standard output, on standard error."""
    line = command.replace("hardtack", shlex.join(HARDTACK), 1)
    done = run(["sh", "-c", line], namespace, timeout=PATIENCE)
    assert done.returncode == status, done
    return done.stdout.decode(), done.stderr.decode()


def origins(net: Topology) -> list[str]:
    """Of all connections that the front knows."""
    return [json.loads(line)["origin"] for line in hardtack(net.front, "hardtack connections --json")[0].splitlines()]


def written(net: Topology, path: Path, how: str = "-Hnt state established") -> int:
    """What ss says on the host, in a file; how many lines."""
    done = run(["sh", "-c", f"ss {how} > {shlex.quote(str(path))}"], net.server)
    assert done.returncode == 0, done
    return path.read_text().count("\n")


@local
def test_this_machines_sockets_are_known(net: Topology, folder: Path) -> None:
    """Those of ports that are protected."""
    with ExitStack() as parts:
        silent, other = opened(net, parts), opened(net, parts, HTTP)
        with switched_on(net, folder, "3s") as said:
            assert " sockets=2 " in said and " known=0 no_room=0 " in said
            assert origins(net) == ["seed", "seed"]
            wait_for_the_door(net)
            lives_on(net, silent + other)


@routed
def test_who_is_known_to_nobody_dies(net: Topology, folder: Path) -> None:
    """And what hosts say of their sockets is a remedy, at any time."""
    with ExitStack() as parts:
        silent = opened(net, parts)
        with switched_on(net, folder, "1s") as said:
            assert not said
            wait_for_the_door(net)
            dies(silent[0])
            lines = written(net, folder / "ss.txt")
            told = hardtack(net.front, f"hardtack seed {shlex.quote(str(folder / 'ss.txt'))}")[0]
            assert told == (
                f"{net.outside.name}: 2 connections seeded, 0 already known, {lines - 2} not protected here; "
                f"{lines} lines, 0 of other states\n"
            )
            silent[0].settimeout(PATIENCE)
            assert silent[0].recv(5, socket.MSG_WAITALL) == b"hello", "it was only kept waiting"
            lives_on(net, silent)


@routed
@pytest.mark.parametrize("how", ["-Hnt", "-nt", "-Hntoe state established", "-nat"])
def test_lines_by_a_pipe_and_no_process(net: Topology, folder: Path, how: str) -> None:
    with ExitStack() as parts:
        silent = opened(net, parts, number=5) + opened(net, parts, HTTP)
        with switched_on(net, folder, "0s"):
            lines = folder / "lines.txt"
            written(net, lines, how)
            for known_before in (0, 10):
                told = hardtack(net.front, f"hardtack seed --json < {shlex.quote(str(lines))}")[0]
                found = json.loads(told)
                assert found["interface"] == net.outside.name
                assert (found["seeded"], found["known"], found["no_room"]) == (10 - known_before, known_before, 0)
            lives_on(net, silent)


@routed
def test_a_flood_of_lines_displaces_nobody(net: Topology, folder: Path) -> None:
    """Ten times as many as the table holds, of the clients' own prefix: what is known stays, and there is room left."""
    with ExitStack() as parts, switched_on(net, folder, "0s", connections=1000):
        sessions = opened(net, parts, number=20)
        assert origins(net) == ["cookie"] * 40
        client = sessions[0].getsockname()[0].rpartition(".")[0]
        flood = folder / "flood.txt"
        ends = ((n & 255, n >> 8) for n in range(10_000))
        flood.write_text("".join(f"0 0 {SERVER[0]}:{TALK} {client}.{low}:{1024 + high}\n" for low, high in ends))
        told, _ = hardtack(net.front, f"hardtack seed --json {flood}", status=1)
        found = json.loads(told)
        assert found["seeded"] + found["no_room"] + found["known"] == 10_000 and found["seeded"] <= 752 - 40
        assert found["seeded"] > 600 and known(net.outside) == 40 + found["seeded"]
        assert origins(net).count("cookie") == 40
        opened(net, parts, number=20)
        assert origins(net).count("cookie") == 80
        lives_on(net, sessions)


@routed
def test_a_bad_line_and_nothing_is_taken(net: Topology, folder: Path) -> None:
    lines = folder / "bad.txt"
    good = f"0 0 {SERVER[0]}:{TALK} 198.51.100.7:50123\n"
    with switched_on(net, folder, "0s"):
        lines.write_bytes((good * 100).encode() + b"ESTAB 0 0 somewhere\n")
        told = hardtack(net.front, f"hardtack seed {lines}", status=2)
        assert told[0] == "" and told[1].startswith(f"hardtack: {lines}, line 101: too few columns for ss")
        assert known(net.outside) == 0
        lines.write_bytes(b"\x80" * 1_000_000)
        told = hardtack(net.front, f"hardtack seed - < {lines}", status=2)
        assert told[1].startswith("hardtack: standard input, line 1: longer than 4096 bytes") and len(told[1]) < 500
        assert hardtack(net.front, f"hardtack seed {folder}/none", status=1)[1] == (
            f"hardtack: {folder}/none: No such file or directory\n"
        )
        assert "no front is attached to lo" in hardtack(net.front, "hardtack seed -i lo < /dev/null", status=1)[1]
    assert "no front is attached in this network namespace" in hardtack(net.front, f"hardtack seed {lines}", status=1)[1]


@routed
def test_who_waits_is_told_how_far_it_is(net: Topology, folder: Path) -> None:
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    with switched_on(net, folder, "0s"), Process([*HARDTACK, "seed", pipe], net.front) as process:
        with pipe.open("w") as writer:
            writer.write(f"0 0 {SERVER[0]}:{TALK} 198.51.100.7:50123\n" * 3)
            writer.flush()
            process.wait_for(r"^3 lines read \.\.\.$", PATIENCE)
        process.wait_for("1 connections seeded, 2 already known, 0 not protected here; 3 lines, ", PATIENCE)
        assert process.wait(PATIENCE) == 0


@routed
def test_what_conntrack_knows_of_routed_hosts_is_known(net: Topology, folder: Path) -> None:
    """The last one here: conntrack goes on for a while when nobody asks it any more."""
    with ExitStack() as parts, rules(net.front, STATEFUL):
        silent, other = opened(net, parts), opened(net, parts, HTTP)
        with switched_on(net, folder, "3s") as said:
            assert " conntrack=2 " in said and " no_room=0 " in said
            assert origins(net) == ["seed", "seed"]
            wait_for_the_door(net)
            lives_on(net, silent + other)
