"""`hardtack front` and `hardtack agent` are killed under a flood, started again, ended, taken off: nobody's connection ends.

Honest clients fetch all the time, and idle sessions, as people have them with SSH, are spoken to now and then.
"""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from handshake.attached import tcx_programs, xdp_mode
from handshake.counted import pinned
from handshake.stage import HTTP, PATIENCE, TALK, agent_command, front_command
from lab_ground import eventually

from fronts.running import Value, configuration, counting, detach
from hardtack.image import ONLY
from hardtack.lab import topology
from hardtack.lab.addresses import SECOND, SERVER
from hardtack.lab.arrivals import counting_arrivals
from hardtack.lab.attach import sink
from hardtack.lab.clients import connect
from hardtack.lab.flood import flooding
from hardtack.lab.links import Interface
from hardtack.lab.packets.recipe import Target
from hardtack.lab.patrol import Patrol, patrolling
from hardtack.lab.process import Process, run
from hardtack.lab.servers import SMALL, nginx, nginx_program, talker
from hardtack.lab.topology import Topology
from hardtack.packet.layout import MARKS, PLACES, Places
from hardtack.packet.reasons import Reason

pytestmark = pytest.mark.skipif(not nginx_program(), reason="nginx is not installed")

RATE = 1_000_000  # frames a second: as many as there is CPU for
IDLE = 5  # sessions to each address
ENOUGH = 100  # requests
MOST_LUCKY = 20  # frames that may have guessed right, of tens of millions


@dataclass
class Scene:
    """A protected server and its clients."""

    net: Topology
    settings: Path
    patrol: Patrol
    sessions: list[socket.socket]
    front: Process
    agent: Process | None

    def start_front(self) -> str:
        """Again; what it says when it is ready."""
        self.front = Process(front_command(self.settings), self.net.front)
        return self.front.wait_for(r"\bready\b", PATIENCE)

    def check(self) -> None:
        """Requests go on succeeding, and every session is alive in both directions."""
        before = self.patrol.result().succeeded
        for number, session in enumerate(self.sessions):
            word = b"%5d" % number
            session.sendall(word)
            assert session.recv(5, socket.MSG_WAITALL) == word
        assert eventually(lambda: self.patrol.result().succeeded - before >= ENOUGH, PATIENCE)
        assert not self.patrol.result().failures


@contextmanager
def scene(local: bool, folder: Path) -> Iterator[Scene]:
    """Front, agent, nginx, idle sessions, honest clients; not one request fails until it is over."""
    with ExitStack() as parts:
        net = parts.enter_context(topology.local() if local else topology.routed())
        parts.enter_context(sink(net.near))
        parts.enter_context(nginx(net.server, SERVER + SECOND, [HTTP]))
        parts.enter_context(talker(net.server, SERVER + SECOND, [TALK]))
        vias = ("local", "local") if local else ("kernel", "direct")
        hosts: list[dict[str, Value]] = [
            {"name": f"host{n}", "addresses": (SERVER, SECOND)[n], "via": via} for n, via in enumerate(vias)
        ]
        settings = configuration(folder, net.outside, hosts)
        agent = None
        if not local:
            agent = parts.enter_context(Process(agent_command(net.far.name, folder / "key"), net.server))
            agent.wait_for("ready", PATIENCE)
        front = Process(front_command(settings), net.front)
        parts.callback(lambda: made.front.stop())
        front.wait_for("ready", PATIENCE)
        sessions = []
        for address in (SERVER + SECOND) * IDLE:
            session = parts.enter_context(connect(net.client, address, TALK, timeout=PATIENCE))
            session.sendall(b"echo\n")
            sessions.append(session)
        places = [(address, HTTP) for address in SERVER + SECOND]
        with patrolling(net.client, places, "/small", SMALL, interval=0.1, timeout=PATIENCE) as patrol:
            made = Scene(net, settings, patrol, sessions, front, agent)
            made.check()
            yield made
            made.check()
        assert not patrol.result().failures


@contextmanager
def flooded(net: Topology, address: str) -> Iterator[None]:
    """Frames of every kind at a protected port, none of which the host sees but those that have guessed a cookie.

    A cookie without timestamps has 24 bits of proof (cookie.md): of a million mixed frames a second, three tenths of which
    may guess, one in a minute or so is right. With data or FIN the agent makes two of it.
    """
    target = Target(address, HTTP, net.near.mac, net.outside.mac)
    with (
        counting_arrivals(net.server) as arrivals,
        flooding(net.near, target, seconds=300, kind="mixed", rate=RATE) as flood,
    ):
        yield
        assert flood.process.returncode is None, flood.process.lines
        assert arrivals.count() < MOST_LUCKY


def mark_all(outside: Interface) -> int:
    """Marks as they would be after years; which set of them is in use."""
    with pinned(outside, MARKS) as table:
        table.memory()[:] = b"\xff" * table.table.value_size * table.table.entries
    return marks_in_use(outside)


def marks_in_use(outside: Interface) -> int:
    """Which of the two sets."""
    with pinned(outside, PLACES) as table:
        return int(np.frombuffer(table.lookup(ONLY) or b"", Places)["marks"][0])


@pytest.mark.parametrize("local", [False, True], ids=["routed", "local"])
def test_nobody_notices(local: bool, tmp_path: Path) -> None:
    with scene(local, tmp_path) as at:
        with flooded(at.net, SERVER[1] if local else SECOND[0]):
            at.check()
            at.front.stop(signal.SIGKILL)
            with counting(at.net.outside) as seen:
                at.check()
            assert seen[Reason.remembered] > 0 and seen[Reason.stray_ack] > 0, "the program works without its process"
            worn = mark_all(at.net.outside)
            assert "adopted=true" in at.start_front()
            at.check()
            assert eventually(lambda: marks_in_use(at.net.outside) != worn, PATIENCE), "no marks were made anew"
            at.check()
            assert at.front.stop(signal.SIGTERM) == 0
            if at.agent:
                at.agent.stop(signal.SIGKILL)
            at.check()
            assert "adopted=true" in at.start_front()
            at.check()
        at.front.stop()
        if local:
            assert "front detached" in detach(at.net.outside)
        else:
            done = run([sys.executable, "-m", "hardtack", "front", "--detach", at.settings], at.net.front, timeout=PATIENCE)
            assert done.returncode == 0, done.stderr
        assert (xdp_mode(at.net.outside), tcx_programs(at.net.outside)) == ("", 0)
        at.check()
