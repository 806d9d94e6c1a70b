"""Front and agent of the Debian packages, upgraded at work, under a flood."""

from __future__ import annotations

import shutil
import socket
from contextlib import ExitStack
from pathlib import Path

import pytest
from fronts.running import configuration
from handshake.stage import PATIENCE, TALK
from kernel_ground import needs_root

from hardtack.lab import topology
from hardtack.lab.addresses import SERVER
from hardtack.lab.attach import sink
from hardtack.lab.clients import connect
from hardtack.lab.flood import flooding
from hardtack.lab.packets.recipe import Target
from hardtack.lab.process import Process
from hardtack.lab.servers import talker
from service.clean_root import TOOLS, built, clean, libpcap, of

SESSIONS = 20
RATE = 100_000  # frames a second

pytestmark = [
    needs_root,
    pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason=f"needs {', '.join(TOOLS)}"),
]


def test_an_upgrade_under_a_flood_loses_no_connection(tmp_path: Path) -> None:
    """The packages are installed anew; then the processes restarted, as the packages have systemd do it."""
    packages = built()
    with ExitStack() as parts:
        root = parts.enter_context(clean(tmp_path))
        root.install(*libpcap(), of(packages, "hardtack-agent"), of(packages, "hardtack"))
        net = parts.enter_context(topology.routed())
        parts.enter_context(sink(net.near))
        parts.enter_context(talker(net.server, SERVER, [TALK]))
        file = configuration(tmp_path, net.outside, [{"name": "web", "addresses": SERVER, "via": "kernel"}])
        shutil.copy(tmp_path / "key", root.path / "etc/hardtack")
        (root.path / "etc/hardtack/hardtack.toml").write_text(file.read_text().replace(str(tmp_path), "/etc/hardtack"))
        commands = [
            (["hardtack-agent", "--interface", net.far.name, "--key", "/etc/hardtack/key"], net.server),
            (["hardtack", "front", "/etc/hardtack/hardtack.toml"], net.front),
        ]

        def start() -> list[tuple[Process, str]]:
            made = []
            for words, where in commands:
                process = Process(root.command(*words), where)
                parts.callback(process.stop)
                made.append((process, process.wait_for(r"\bready\b", PATIENCE)))
            return made

        before = start()
        wanted = [SERVER[number % 2] for number in range(SESSIONS)]
        sessions = [parts.enter_context(connect(net.client, one, TALK, timeout=PATIENCE)) for one in wanted]
        for session in sessions:
            session.sendall(b"echo\n")
        check(sessions)
        target = Target(SERVER[0], TALK, net.near.mac, net.outside.mac)
        with flooding(net.near, target, seconds=PATIENCE, rate=RATE) as flood:
            root.install(of(packages / "next", "hardtack-agent"), of(packages / "next", "hardtack"), net=net.front)
            check(sessions)
            for process, _ in before:
                assert process.stop() == 0
            check(sessions)
            assert all("adopted=true" in line for _, line in start())
            check(sessions)
            new = parts.enter_context(connect(net.client, SERVER[0], TALK, timeout=PATIENCE))
            new.sendall(b"echo\n")
            check([*sessions, new])
            assert flood.process.returncode is None
        assert root.does("hardtack", "--version") == "hardtack 0.1.1\n"


def check(sessions: list[socket.socket]) -> None:
    """Each is alive in both directions."""
    for number, session in enumerate(sessions):
        word = b"%5d" % number
        session.sendall(word)
        assert session.recv(5, socket.MSG_WAITALL) == word
