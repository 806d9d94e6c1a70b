"""That a front is alive, and its own, whatever becomes of its files and of the names that its programs are pinned by."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import pytest
from fronts.running import Value, configuration, detach
from handshake.stage import PATIENCE, front_command
from lab_ground import eventually

from hardtack.agent.unit import ending, unit_of
from hardtack.kernel import bpffs, lock
from hardtack.lab import topology
from hardtack.lab.addresses import SERVER
from hardtack.lab.attach import sink
from hardtack.lab.process import Process, run

HOST: dict[str, Value] = {"name": "web", "addresses": SERVER, "via": "kernel", "handshake": "challenge"}
# As `ip netns exec` does: another sysfs at /sys, without the bpffs there, in a mount namespace of its own
OWN_MOUNTS = "mount --make-rprivate / && umount -l /sys && mount -t sysfs sysfs /sys && exec \"$@\""


def test_its_files_may_vanish(tmp_path: Path) -> None:
    """rm /run/hardtack/*: it is still seen, nobody starts beside it or takes its programs off, and it reloads."""
    with topology.routed() as net, sink(net.near):
        file = configuration(tmp_path, net.outside, [HOST])
        hardtack = [sys.executable, "-m", "hardtack"]
        with Process(front_command(file), net.front) as front:
            front.wait_for(r"\bready\b", PATIENCE)
            mine = [path for path in lock.FOLDER.iterdir() if f"-{net.outside.name}." in path.name]
            assert len(mine) == 3  # lock, record, socket
            for path in mine:
                path.unlink()
            (seen,) = json.loads(run([*hardtack, "status", "--json"], net.front).stdout)["attached"]
            assert seen["process"] == front.pid
            for command in (front_command(file), [*hardtack, "detach"]):
                done = run(command, net.front, timeout=PATIENCE)
                told = done.stderr.decode()
                assert done.returncode == 1 and f"process {front.pid}; stop it first: kill {front.pid}" in told
            done = run([*hardtack, "reload"], net.front)
            assert done.returncode == 1 and f"kill -HUP {front.pid}" in done.stderr.decode()
            front.send(signal.SIGHUP)
            front.wait_for("reloaded by=SIGHUP", PATIENCE)
            assert front.stop() == 0
        assert "programs=stay" in front.lines[-1]
        with Process(front_command(file), net.front) as front:  # and the next takes over
            assert "adopted=true" in front.wait_for(r"\bready\b", PATIENCE)
            assert not [line for line in front.lines if "not-lasting" in line]
        detach(net.outside)


def test_what_goes_with_a_mount_namespace_is_said_to(tmp_path: Path) -> None:
    with topology.routed() as net, sink(net.near):
        file = configuration(tmp_path, net.outside, [HOST])
        command = ["unshare", "--mount", "sh", "-c", OWN_MOUNTS, "sh", *front_command(file)]
        with Process(command, net.front) as front:
            front.wait_for(r"\bready\b", PATIENCE)
            front.wait_for("WARNING finding name=not-lasting .*nsenter --net=", PATIENCE)
            assert front.stop() == 0
        assert 'programs="removed with this mount namespace"' in front.lines[-1]
        assert eventually(lambda: b"xdp" not in run(["ip", "link", "show", net.outside.name], net.front).stdout, PATIENCE)


@pytest.mark.parametrize(
    ("groups", "unit"),
    [
        ("0::/system.slice/hardtack-front.service\n", "hardtack-front.service"),
        ("0::/system.slice/system-hardtack\\x2dagent.slice/hardtack-agent@eth0.service\n", "hardtack-agent@eth0.service"),
        ("12:pids:/system.slice/hardtack-front.service/x\n0::/\n", "hardtack-front.service"),
        ("0::/user.slice/user-0.slice/user@0.service/app.slice/hardtack-front.service\n", ""),
        ("0::/system.slice/ssh.service\n", ""),
        ("0::/\n", ""),
        ("nonsense", ""),
    ],
)
def test_how_to_end_it(tmp_path: Path, groups: str, unit: str) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7/cgroup").write_text(groups)
    assert unit_of(7, tmp_path) == unit and unit_of(8, tmp_path) == ""
    assert ending(7, tmp_path) == (f"systemctl stop {unit}" if unit else "kill 7")


def test_which_bpffs_are_mounted(tmp_path: Path) -> None:
    (tmp_path / "mountinfo").write_text(
        "46 23 0:39 / /sys/fs/bpf rw,relatime shared:9 - bpf bpf rw,mode=700\n23 27 0:22 / /sys rw - sysfs sysfs rw\n"
    )
    assert bpffs.devices(tmp_path / "mountinfo") == {"0:39"}
