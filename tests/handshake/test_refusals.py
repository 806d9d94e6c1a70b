"""What stands in the way is told in one line with its remedy, and nothing is attached."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from handshake.attached import tcx_programs, xdp_mode
from handshake.stage import (
    ADDRESSES,
    PATIENCE,
    TALK,
    agent_command,
    front_command,
    refusal,
    write_configuration,
)
from hardtack.kernel import bpffs
from hardtack.lab import topology
from hardtack.lab.addresses import SERVER
from hardtack.lab.attach import attach
from hardtack.lab.clients import server_socket
from hardtack.lab.process import Process, run
from hardtack.lab.programs import PASS
from hardtack.lab.servers import talker
from hardtack.lab.topology import Topology

RIGHTS = ["bpf", "net_admin", "perfmon", "setuid", "setgid"]  # all that root needs; the latter two to be root no more
needs_setpriv = pytest.mark.skipif(not shutil.which("setpriv"), reason="needs setpriv, of util-linux")


@pytest.fixture(scope="module")
def net() -> Iterator[Topology]:
    """A machine that is front and host."""
    with topology.local() as made, attach(made.near, PASS):
        yield made


@pytest.fixture
def command(net: Topology, tmp_path: Path, request: pytest.FixtureRequest) -> list[object]:
    """The command that a test is about, "front" or "agent", in a folder with a good configuration and a good key."""
    configuration = write_configuration(net, tmp_path)
    return front_command(configuration) if request.param == "front" else agent_command(net.far.name, tmp_path / "key")


both = pytest.mark.parametrize("command", ["front", "agent"], indirect=True)


@pytest.fixture(autouse=True)
def check_that_nothing_is_attached(net: Topology) -> Iterator[None]:
    """After every refusal."""
    yield
    assert (xdp_mode(net.outside), tcx_programs(net.far)) == ("", 0)


@both
def test_no_such_interface(net: Topology, command: list[object], tmp_path: Path) -> None:
    """At boot it may come yet: not the status that the units take as final."""
    configuration = tmp_path / "hardtack.toml"
    configuration.write_text(configuration.read_text().replace(net.outside.name, "nosuch0"))
    told = refusal(["nosuch0" if word == net.far.name else word for word in command], net.server, status=1)
    assert told == f"hardtack: no interface nosuch0 here; there are: {net.far.name}\n"


@both
def test_a_key_that_others_can_read(net: Topology, command: list[object], tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.chmod(0o640)
    told = refusal(command, net.server, status=2)
    assert told == f"hardtack: {key}: users other than its owner can access this key (mode 0640); write: chmod 600 {key}\n"


@both
def test_a_kernel_that_takes_no_cookies(net: Topology, command: list[object]) -> None:
    net.server.sysctl("net.ipv4.tcp_syncookies", 0)
    told = refusal(command, net.server, status=1)
    net.server.sysctl("net.ipv4.tcp_syncookies", 1)
    assert "sysctl -w net.ipv4.tcp_syncookies=1" in told


@both
@needs_setpriv
def test_without_rights(net: Topology, command: list[object]) -> None:
    told = refusal([*with_rights(), *command], net.server, status=1)
    assert "run as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON" in told


@needs_setpriv
@pytest.mark.parametrize(
    ("command", "status", "told"),
    [("front", 1, "run as root, or with CAP_BPF"), ("agent", 2, "key: permission denied; run as root")],
    indirect=["command"],
)
def test_another_user(net: Topology, command: list[object], status: int, told: str, tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    assert told in refusal(["setpriv", "--reuid=65534", "--clear-groups", "--", *command], net.server, status)


@needs_setpriv
def test_with_just_the_rights_that_it_asks_for(net: Topology, tmp_path: Path) -> None:
    configuration = write_configuration(net, tmp_path)
    command = [*with_rights(*RIGHTS), *front_command(configuration)]
    bpffs.ensure()  # mounting it would take more
    with talker(net.server, SERVER, [TALK]), Process(command, net.server) as front:
        front.wait_for("ready", PATIENCE)
        assert server_socket(net.client, ADDRESSES[4], TALK, timeout=PATIENCE)["sack"]
        assert front.stop() == 0
        done = run([*with_rights(*RIGHTS), *front_command(configuration), "--detach"], net.server, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr


def with_rights(*rights: str) -> list[str]:
    """What runs a command with no capabilities but these."""
    bounds = ",".join(["-all", *(f"+{right}" for right in rights)])
    return ["setpriv", "--inh-caps=-all", f"--bounding-set={bounds}", "--"]
