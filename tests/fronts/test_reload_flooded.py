"""Reloads one after another, under a flood, with honest clients and a long transfer; and a process killed in one of them."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from handshake.counted import counts, folder_of
from handshake.stage import HTTP, PATIENCE, front_command

from fronts.test_reload import ONE, TWO, Scene, check, scene
from hardtack.control.asking import ask
from hardtack.lab.addresses import SECOND, SERVER
from hardtack.lab.flood import flooding
from hardtack.lab.links import Interface
from hardtack.lab.packets.recipe import Target
from hardtack.lab.patrol import patrolling
from hardtack.lab.process import Process
from hardtack.lab.servers import SMALL, nginx, nginx_program
from hardtack.packet.reasons import Reason

pytestmark = pytest.mark.skipif(not nginx_program(), reason="nginx is not installed")

RELOADS, SETTLED = 100, 20  # how many; after so many of them a process has what it will ever have
RATE = 1_000_000  # frames a second that are ordered; two busy CPUs, which do all the rest, made 250,000 to 390,000
FLOODED = 100_000  # frames, far fewer than in any run so far (6 to 11 million): it was a flood
GROWTH = 4 << 20  # bytes that a process may have more in the end: what its allocator keeps, for 80 reloads
CHUNK = 16_384
SPARES: list[dict[str, Any]] = [
    {"name": f"spare{n}", "addresses": [f"203.0.113.{n}", f"2001:db8:77::{n}"], "via": "direct"} for n in range(1, 9)
]


def versions(turn: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Another configuration at each turn: hosts come, go, and change; limits, too. One and two are always protected."""
    one = {**ONE, "default": ("pass", "drop")[turn % 2], "mss": 1400 - turn % 7, "frames_per_connection": 5000 + turn % 5}
    two = {**TWO, "via": ("direct", "kernel")[turn % 3 == 0], "ports": [HTTP, 7, 1000 + turn]}
    spares = SPARES[turn % 5 : turn % 5 + turn % 4]
    hosts = [*spares, two, one] if turn % 2 else [one, *spares, two]
    return hosts, {"reload": "manual", "replies_per_second": 20_000_000 + turn}


@contextmanager
def transferring(line: socket.socket) -> Iterator[list[int]]:
    """Data to and fro all the time; how much there was. It must go on to the end."""
    done, ended = [0], threading.Event()

    def go() -> None:
        data = os.urandom(CHUNK)
        while not ended.is_set():
            line.sendall(data)
            assert received(line, CHUNK) == data
            done[0] += CHUNK

    thread = threading.Thread(target=go)
    thread.start()
    try:
        yield done
        before = done[0]
        deadline = time.monotonic() + PATIENCE
        while done[0] == before and thread.is_alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert done[0] > before, "the transfer has ended"
    finally:
        ended.set()
        thread.join(PATIENCE)


def received(line: socket.socket, size: int) -> bytes:
    """So many bytes: with a timeout of Python's, MSG_WAITALL waits for nothing."""
    data = b""
    while len(data) < size and (more := line.recv(size - len(data))):
        data += more
    return data


def memory(pid: int) -> int:
    """Bytes that a process has of its own."""
    pages = Path(f"/proc/{pid}/statm").read_text().split()
    return (int(pages[1]) - int(pages[2])) * os.sysconf("SC_PAGESIZE")


def reloaded(at: Scene, turn: int) -> dict[str, Any]:
    """After a version has been written: what the front says."""
    hosts, front = versions(turn)
    at.write(*hosts, **front)
    return ask(folder_of(at.net.outside), "reload")


def never_back(before: Counter[Reason], outside: Interface) -> Counter[Reason]:
    """The counters now, none of which is less than it was."""
    now = counts(outside)
    assert not before - now, before - now
    return now


def test_nobody_notices_a_hundred_reloads_and_a_killed_process(tmp_path: Path) -> None:
    hosts, front = versions(0)
    places = [(address, HTTP) for address in SERVER + SECOND]
    with (
        scene(tmp_path, *hosts, **front) as at,
        nginx(at.net.server, SERVER + SECOND, [HTTP]),
        at.connect(SERVER[0]) as first,
        at.connect(SECOND[1]) as second,
        patrolling(at.net.client, places, "/small", SMALL, interval=0.1, timeout=PATIENCE) as patrol,
        flooding(at.net.near, target(at), seconds=300, kind="mixed", rate=RATE) as flood,
    ):
        with transferring(first) as moved:
            pids = [at.front.pid, *map(int, children(at.front.pid))]
            seen, held, descriptors = counts(at.net.outside), [0, 0], 0
            for turn in range(1, RELOADS + 1):
                assert reloaded(at, turn)["outcome"] == "changed"
                seen = never_back(seen, at.net.outside)
                check(second)
                if turn == SETTLED:
                    held, descriptors = [memory(pid) for pid in pids], open_files(at.front.pid)
            grown = [memory(pid) - before for pid, before in zip(pids, held, strict=True)]
            assert max(grown) < GROWTH and open_files(at.front.pid) == descriptors, grown
            assert at.status()["reload"]["successes"] == RELOADS and moved[0] > 0
            for turn, delay in enumerate((0.0, 0.01, 0.03), RELOADS + 1):
                hosts, front = versions(turn)
                at.write(*hosts, **front)
                at.front.send(signal.SIGHUP)
                time.sleep(delay)  # wherever it is then
                at.front.stop(signal.SIGKILL)
                check(second)
                seen = never_back(seen, at.net.outside)
                at.front = Process(front_command(at.file), at.net.front)
                assert "adopted=true" in at.front.wait_for(r"\bready\b", PATIENCE)
                assert at.protected() == {host["name"] for host in hosts}
                check(second)
        assert patrol.result().succeeded > 0 and not patrol.result().failures
        assert flood.frames > FLOODED


def target(at: Scene) -> Target:
    """A protected port."""
    return Target(SECOND[0], HTTP, at.net.near.mac, at.net.outside.mac)


def open_files(pid: int) -> int:
    """How many a process has."""
    return len([*Path(f"/proc/{pid}/fd").iterdir()])


def children(pid: int) -> list[str]:
    """Processes that it has started."""
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
