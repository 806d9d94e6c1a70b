"""The Debian packages on a machine that runs: what installing, upgrading and removing them has systemd do."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from doc_ground import named
from lab_ground import needs_root

from hardtack.keys import make_key
from hardtack.lab import topology
from hardtack.lab.folder import folder
from service.clean_root import TOOLS, built
from service.systemd_ground import Machine, bare, machine, missing

FRONT, AGENT = "hardtack-front", "hardtack-agent@eth1"
CONFIGURATION = """
[front]
interface = "eth0"
key_file = "/etc/hardtack/key"
check_hosts = false

[[host]]
name = "web"
addresses = ["192.0.2.10"]
handshake = "agent"
via = "kernel"
"""

pytestmark = [
    needs_root,
    pytest.mark.skipif(bool(missing()), reason=missing()),
    pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason=f"needs {', '.join(TOOLS)}"),
]


@pytest.fixture(scope="module")
def front() -> Iterator[Machine]:
    """A machine without Hardtack, but with its packages in /srv, the next version's in /srv/next."""
    with ExitStack() as parts:
        base = parts.enter_context(folder("packages")) / "layer"
        bare(base)
        shutil.copytree(built(), base / "srv")
        make_key(base / "srv/KEY")
        net = parts.enter_context(topology.routed(street=named("near", "eth0"), yard=named("eth1", "eth0")))
        yield parts.enter_context(machine(net.front, base))


def test_installing_starts_nothing(front: Machine) -> None:
    front.does("dpkg --install hardtack*.deb")
    for unit in (FRONT, AGENT, "hardtack.target"):
        assert front.shows(unit, "LoadState", "ActiveState") == ["loaded", "inactive"]
        assert front.run(f"systemctl is-enabled {unit}")[1] == "disabled\n"


def test_an_upgrade_restarts_what_runs(front: Machine) -> None:
    """And nothing else: another agent is not started."""
    front.write("/etc/hardtack/hardtack.toml", CONFIGURATION)
    front.does(f"cp KEY /etc/hardtack/key && systemctl enable --now {AGENT} {FRONT}")
    before = [front.shows(unit, "MainPID") for unit in (FRONT, AGENT)]
    front.does("dpkg --install next/hardtack*.deb")
    for unit, old in zip((FRONT, AGENT), before, strict=True):
        assert front.becomes(unit, "active/running") and front.shows(unit, "MainPID") != old
        assert "adopted=true" in front.journal(unit, "--grep=ready", "--lines=1")
    assert front.does("hardtack --version") == "hardtack 0.1.1\n"
    assert front.shows("hardtack-agent@eth0", "ActiveState") == ["inactive"]


def test_removing_ends_and_detaches(front: Machine) -> None:
    front.does("dpkg --remove hardtack")
    assert front.shows(FRONT, "ActiveState") == ["inactive"] and front.shows(AGENT, "ActiveState") == ["active"]
    front.does("dpkg --purge hardtack hardtack-agent")
    assert front.does("ls /sys/fs/bpf/hardtack; ls -d /run/hardtack /var/lib/hardtack 2>/dev/null || true") == ""
    assert "xdp" not in front.does("ip link show eth0")
