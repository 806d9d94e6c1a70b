"""What an agent says of itself where nothing but Python is: status and doctor."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from fronts.running import key
from handshake.stage import PATIENCE, agent_command
from kernel_ground import needs_root

from hardtack.agent import asked
from hardtack.agent.asked import State
from hardtack.lab import topology
from hardtack.lab.process import Process, run
from hardtack.lab.topology import Topology

pytestmark = needs_root
BARE = [sys.executable, "-P", "-m", "hardtack.agent"]


@dataclass
class Ground:
    """An agent's machine."""

    net: Topology
    process: Process

    def ask(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        """There."""
        return run([*BARE, *words], self.net.server, timeout=PATIENCE)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    folder = tmp_path_factory.mktemp("agent")
    with topology.routed() as net:
        key(folder)
        with Process(agent_command(net.far.name, folder / "key"), net.server) as process:
            process.wait_for(r"\bready\b", PATIENCE)
            yield Ground(net, process)
            process.stop()
            run([*BARE, "-i", net.far.name, "--detach"], net.server, timeout=PATIENCE)


def test_status(ground: Ground) -> None:
    name = ground.net.far.name
    told = json.loads(ground.ask("status", "--json").stdout)
    (one,) = told["agents"]
    assert (one["interface"], one["front"], one["attached"], one["process"]) == (name, False, True, ground.process.pid)
    assert 3000 < one["keys_until"] - time.time() < 3800 and one["unit"] == ""
    text = ground.ask("status", "-i", name).stdout.decode()
    assert text.startswith(f"{name}: attached; process {ground.process.pid} since ") and "keys valid for " in text
    done = ground.ask("status", "-i", "lo")
    assert done.returncode == 1 and b"no agent is attached to lo; start one: hardtack-agent" in done.stderr


def test_doctor(ground: Ground) -> None:
    told = json.loads(ground.ask("doctor", "--json").stdout)
    assert {"kernel", "able", "features", "findings"} == told.keys()
    assert told["able"] == (ground.ask("doctor").returncode == 0)
    done = ground.ask("doctor", "--interface", "nosuch0")
    assert done.returncode == 1 and b"no interface nosuch0 here" in done.stdout


def test_the_command_line_has_it_too(ground: Ground) -> None:
    """On an agent's machine `hardtack status` shows the agent, and says so where only fronts are meant."""
    hardtack = [sys.executable, "-m", "hardtack"]
    done = run([*hardtack, "status"], ground.net.server, timeout=PATIENCE)
    assert done.returncode == 0 and b"no front" not in done.stdout
    done = run([*hardtack, "connections"], ground.net.server, timeout=PATIENCE)
    assert done.returncode == 1 and b"only an agent on " in done.stderr


def test_what_is_wrong_with_one() -> None:
    good = State("eth0", False, True, 7, "", None, int(time.time()) + 3600, {})
    assert [*asked.troubles([good])] == []
    bad = State("eth0", False, False, 0, "", None, 0, {"admitted": 1_000, "bad_cookie": 2})
    assert [one.name for one in asked.troubles([bad])] == ["detached", "no-process", "keys-run-out"]
    head, first, second = asked.told(bad)
    assert head == "eth0: NOT attached; no process; keys expired"
    assert first.startswith("  1,000  admitted: ") and second.startswith("      2  bad_cookie: ")
