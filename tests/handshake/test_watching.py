"""`hardtack status` and `hardtack connections` beside a front at work."""

from __future__ import annotations

import json
import socket
import sys
from typing import Any

from handshake.stage import ADDRESSES, PATIENCE, TALK, Stage
from hardtack.lab.namespaces import Namespace
from hardtack.lab.process import run


def hardtack(inside: Namespace, *arguments: object, status: int = 0) -> tuple[str, str]:
    """What the command says on standard output and standard error."""
    done = run([sys.executable, "-m", "hardtack", *arguments], inside, timeout=PATIENCE)
    assert done.returncode == status, done.stderr
    return done.stdout.decode(), done.stderr.decode()


def status(stage: Stage) -> dict[str, Any]:
    """The front's, as programs read it."""
    out, _ = hardtack(stage.net.front, "status", "--json", "--interface", stage.net.outside.name)
    (only,) = json.loads(out)["attached"]
    return dict(only)


def test_what_is_counted_and_known_is_shown(stage: Stage, version: int) -> None:
    with stage.connect(version, TALK) as client:
        port = client.getsockname()[1]
        client.sendall(b"echo\nhello")
        assert client.recv(5, socket.MSG_WAITALL) == b"hello", "the host has confirmed it"
        seen = status(stage)
        wanted = ["--client", stage.client_address(version), "--port", TALK, "--host", "some-ports"]
        out, told = hardtack(stage.net.front, "connections", *wanted, "--origin", "cookie", "--json")
        (row,) = (row for row in map(json.loads, out.splitlines()) if row["client_port"] == port)
        assert (row["address"], row["host"], row["state"]) == (ADDRESSES[version], "some-ports", "established")
        assert told.endswith(f", {seen['connections']['count']:,} known\n")
    assert (seen["modes"], seen["process"]) == ({stage.net.outside.name: "driver"}, stage.front.pid)
    programs = {(name, stage.net.outside.name) for name in ("front", "leaving", *["agent"] * stage.net.is_local)}
    lo = {("agent", "lo")} if stage.net.is_local else set()
    assert {(one["program"], one["interface"]) for one in seen["programs"]} == programs | lo
    assert seen["hosts"]["some-ports"]["reasons"]["remembered"] > 0
    assert seen["keys_until"] > seen["started"]
    assert seen["connections"]["memory_each"] <= 160
    assert bool(seen["agent"]) == stage.net.is_local


def test_people_are_shown_the_same(stage: Stage) -> None:
    out, _ = hardtack(stage.net.front, "status")
    assert f"front on {stage.net.outside.name}, driver mode" in out
    assert f"process: {stage.front.pid}, since " in out
    assert "all-ports" in out


def test_elsewhere_there_is_nothing(stage: Stage) -> None:
    for command in ("status", "connections"):
        out, told = hardtack(stage.net.client, command, status=1)
        assert out == ""
        who = "no front and no agent" if command == "status" else "no front"
        start = "start one with: hardtack front /etc/hardtack/hardtack.toml"
        assert told.startswith(f"hardtack: {who} is attached in this network namespace; {start}")
