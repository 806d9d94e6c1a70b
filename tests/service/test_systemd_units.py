"""The units: whether systemd takes them, how much they allow, and that front and agent need no more.

What systemd would be told and what its sandbox would refuse are seen from outside: a socket in the place of systemd's, and
all system calls of real processes. test_systemd.py has a systemd run the units.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from fronts.running import configuration, detach
from handshake.stage import PATIENCE, agent_command, front_command
from lab_ground import eventually

from hardtack.lab import topology
from hardtack.lab.addresses import SERVER
from hardtack.lab.attach import sink
from hardtack.lab.namespaces import Namespace
from hardtack.lab.process import Process, run

ROOT = Path(__file__).parents[2]
UNITS = sorted((ROOT / "etc/systemd").iterdir())
SERVICES = {unit.name.partition(".")[0].strip("@"): unit for unit in UNITS if unit.suffix == ".service"}
PORT = 9790  # in the front's own namespace
CALL = re.compile(r"^\d+ +(\w+)\(")
# As MemoryDenyWriteExecute: prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN), Linux 6.3; before it, nothing is refused
NO_NEW_CODE = "import ctypes, os, sys; ctypes.CDLL(None).prctl(65, 1, 0, 0, 0); os.execvp(sys.argv[1], sys.argv[1:])"
ASKED_IN_VAIN = {"clock_adjtime"}  # whether NTP keeps the clock: a refusal is as good as yes, and only doctor tells of it

needs = pytest.mark.skipif(not shutil.which("strace") or not shutil.which("systemd-analyze"), reason="strace, systemd")


def settings(unit: Path) -> dict[str, list[str]]:
    """What it says, each key's values in their order."""
    found: dict[str, list[str]] = {}
    for line in unit.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The units under names that systemd-analyze takes."""
    folder = tmp_path_factory.mktemp("units")
    for unit in UNITS:
        shutil.copy(unit, folder / unit.name.replace("@.", "@eth0."))
    return folder


@needs
def test_systemd_takes_them(installed: Path) -> None:
    names = [str(path) for path in installed.iterdir()]
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *names], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@needs
@pytest.mark.parametrize("unit", SERVICES.values(), ids=SERVICES)
def test_the_score_is_as_documented(installed: Path, unit: Path) -> None:
    path = installed / unit.name.replace("@.", "@eth0.")
    line = ["systemd-analyze", "security", "--offline=yes", "--no-pager", str(path)]
    said = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    documented = re.search(rf"`etc/systemd/{unit.name}` \|[^|]*\| ([\d.]+) \|", (ROOT / "docs/service.md").read_text())
    assert found and documented and float(found[1]) == float(documented[1])


def allowed(unit: Path) -> set[str]:
    """The system calls that its filter lets through."""
    calls: set[str] = set()
    for value in settings(unit)["SystemCallFilter"]:
        some = {call for name in value.removeprefix("~").split() for call in expanded(name)}
        calls = calls - some if value.startswith("~") else calls | some
    return calls | expanded("@default")


def expanded(name: str) -> set[str]:
    """A group's system calls."""
    if not name.startswith("@"):
        return {name}
    line = ["systemd-analyze", "syscall-filter", "--no-pager", name]
    words = subprocess.run(line, capture_output=True, text=True, check=True).stdout.splitlines()
    found = {word.strip() for word in words if word.startswith("    ") and not word.strip().startswith("#")}
    return {call for one in found for call in expanded(one)}


@dataclass
class Traced:
    """A process, its system calls in a file, and what it tells systemd."""

    process: Process
    calls: Path
    systemd: socket.socket

    def told(self, wanted: str) -> list[str]:
        """The next message with this line in it, as lines."""
        while True:
            lines = self.systemd.recv(4096).decode().splitlines()
            if wanted in lines:
                return lines

    def seen(self) -> list[str]:
        """Its system calls, a line each."""
        return self.calls.read_text(errors="replace").splitlines()


def traced(command: list[object], folder: Path, name: str, net: Namespace) -> Traced:
    """Start it so. It keeps its own process id."""
    systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    systemd.bind(str(folder / f"{name}.sock"))
    systemd.settimeout(PATIENCE)
    (folder / f"{name}.sock").chmod(0o777)  # as /run/systemd/notify is
    variables = [f"NOTIFY_SOCKET={folder / f'{name}.sock'}", "WATCHDOG_USEC=60000000"]
    (folder / "calls").mkdir(exist_ok=True)  # not beside the configuration: to write there is news to a front
    calls = folder / "calls" / name
    strace = ["strace", "-D", "-f", "-qq", "-s", "0", "-e", "signal=none", "-o", calls]
    return Traced(Process(["env", *variables, sys.executable, "-c", NO_NEW_CODE, *strace, *command], net), calls, systemd)


@dataclass
class Ground:
    """Both at work, with all that a front does: rules, events, a helper."""

    front: Traced
    agent: Traced
    file: Path
    net: topology.Topology
    pages: Path  # what the command of [events] was given

    def hardtack(self, *words: str) -> subprocess.CompletedProcess[bytes]:
        """A command, where the front is."""
        return run([sys.executable, "-m", "hardtack", *words], self.net.front, timeout=PATIENCE)


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Started, reloaded by each means, asked, ended."""
    folder = tmp_path_factory.mktemp("traced")
    pages, tell = folder / "pages", folder / "tell"
    tell.write_text(f"#!/bin/sh\ncat >>{pages}\necho >>{pages}\n")
    tell.chmod(0o755)
    pages.touch()
    pages.chmod(0o666)
    for one in (folder, *folder.parents):
        if one.is_relative_to("/tmp") and one != Path("/tmp"):
            one.chmod(0o755)
    with ExitStack() as parts:
        net = parts.enter_context(topology.routed())
        parts.enter_context(sink(net.near))
        file = configuration(folder, net.outside, [{"name": "web", "addresses": SERVER, "via": "kernel"}])
        with file.open("a", encoding="utf-8") as more:
            more.write(f'rules = ["drop udp and src port 53"]\n[events]\ncommand = ["{tell}"]\n')
            more.write(f'[metrics]\nprometheus = "127.0.0.1:{PORT}"\n')
        metrics = folder / "metrics"
        metrics.mkdir()
        metrics.chmod(0o777)
        command = [*agent_command(net.far.name, folder / "key"), "--metrics-textfile", metrics / "agent.prom"]
        agent = traced(command, folder, "agent", net.server)
        parts.callback(agent.process.stop)
        front = traced(front_command(file), folder, "front", net.front)
        parts.callback(lambda: detach(net.outside))
        parts.callback(front.process.stop)
        parts.enter_context(agent.systemd)
        parts.enter_context(front.systemd)
        yield Ground(front, agent, file, net, pages)


@needs
def test_systemd_is_told_of_all_of_it(ground: Ground) -> None:
    """Ready, a good reload, a bad one, that it lives, and its end."""
    assert ground.agent.told("READY=1")[1].startswith("STATUS=admitting clients on ")
    assert ground.front.told("READY=1")[1].startswith("STATUS=protecting 1 hosts on ")
    ground.front.told("WATCHDOG=1")
    ground.agent.told("WATCHDOG=1")
    ground.front.process.send(signal.SIGHUP)
    begun = ground.front.told("RELOADING=1")
    assert begun[1].startswith("MONOTONIC_USEC=")
    assert ground.front.told("READY=1")[1] == "STATUS=reloaded: no changes"
    good = ground.file.read_text()
    ground.file.write_text(good.replace("udp and src port 53", "udp and src port 123"))
    assert ground.front.told("READY=1")[1].startswith("STATUS=reloaded: ")
    ground.file.write_text(good.replace("command = [", 'command = ["/secret", '))
    refused = ground.front.told("READY=1")[1]
    assert refused.startswith("STATUS=NOT reloaded, nothing changed: [events] command: ") and "/secret" not in refused
    ground.file.write_text("nonsense")
    assert ground.front.told("READY=1")[1].startswith("STATUS=NOT reloaded, nothing changed: ")
    assert ground.hardtack("reload").returncode == 1
    ground.file.write_text(good)
    assert ground.hardtack("status", "--json").returncode == 0
    scraped = run(["curl", "--silent", "--fail", f"http://127.0.0.1:{PORT}/metrics"], ground.net.front, timeout=PATIENCE)
    assert b"hardtack_build_info" in scraped.stdout
    ground.agent.process.send(signal.SIGHUP)
    ground.agent.told("RELOADING=1")
    for one in (ground.front, ground.agent):
        one.process.send(signal.SIGTERM)
        one.told("STOPPING=1")
        assert one.process.wait(PATIENCE) == 0
        assert "Traceback" not in "\n".join(one.process.lines)


@needs
def test_the_command_was_told_of_it(ground: Ground) -> None:
    """As nobody in particular, with no right; the last event, too."""
    assert eventually(lambda: "left" in ground.pages.read_text(), PATIENCE)
    events = [json.loads(line)["event"] for line in ground.pages.read_text().split("\n") if line]
    assert (events[0], events[-1]) == ("ready", "left") and {"reloaded", "not-reloaded"} < {*events}


@needs
@pytest.mark.parametrize(("name", "unit"), [("front", "hardtack-front"), ("agent", "hardtack-agent")])
def test_they_need_no_more_than_their_units_allow(ground: Ground, name: str, unit: str) -> None:
    """System calls and address families. Memory that is written to and executed was refused all the time."""
    lines, unit_file = getattr(ground, name).seen(), SERVICES[unit]
    calls = {match[1] for line in lines if (match := CALL.match(line))}
    assert calls and calls - allowed(unit_file) <= ASKED_IN_VAIN
    (families,) = settings(unit_file)["RestrictAddressFamilies"]
    asked = {family for line in lines for family in re.findall(r" socket\((AF_\w+)", line)}
    assert asked <= {*families.split()}
