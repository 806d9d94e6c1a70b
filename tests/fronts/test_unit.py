"""A front under the restrictions of the unit that is shipped, as far as they can be had without systemd."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest
from handshake.attached import tcx_programs
from handshake.stage import PATIENCE, front_command

from fronts.running import configuration, detach
from fronts.test_reload import ONE, TWO, check, scene
from hardtack.lab import topology
from hardtack.lab.addresses import SERVER
from hardtack.lab.attach import sink
from hardtack.lab.process import Process

UNIT = Path(__file__).parents[2] / "etc/systemd/hardtack-front.service"
# ProtectSystem=strict, ProtectHome, ProtectKernelTunables: systemd.exec(5). The tests' files are in /tmp, and their compiled
# programs in a home, which may be read here.
READ_ONLY = ("/usr", "/boot", "/etc", "/var", "/opt", "/srv", "/home", "/root", "/run", "/sys", "/proc/sys")
WRITABLE = ("/run/hardtack", "/sys/fs/bpf", "/var/lib/hardtack")  # RuntimeDirectory, ReadWritePaths, StateDirectory
SHELL = """
set -e
mkdir -m 700 -p /run/hardtack /var/lib/hardtack
for folder in {folders}; do [ ! -d $folder ] || {{ mount --rbind $folder $folder; mount -o remount,bind,ro $folder; }}; done
for folder in {writable}; do mount --bind $folder $folder; mount -o remount,bind,rw $folder; done
exec setpriv --no-new-privs --bounding-set=-all,{capabilities} {command}
"""

pytestmark = pytest.mark.skipif(not (shutil.which("setpriv") and shutil.which("unshare")), reason="needs util-linux")


def settings() -> dict[str, str]:
    """What the unit says of the service."""
    lines = UNIT.read_text().partition("[Service]")[2].partition("[Install]")[0].splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def restricted(command: list[object]) -> list[object]:
    """A command as systemd would start it. The cache of compiled programs is in a home: it must be there already."""
    unit = settings()
    wanted = {"NoNewPrivileges": "yes", "ProtectSystem": "strict"}
    wanted |= {"ReadWritePaths": "/sys/fs/bpf", "RuntimeDirectory": "hardtack", "StateDirectory": "hardtack"}
    assert {name: unit[name] for name in wanted} == wanted, "the test does as the unit says"
    names = [f"+{name.removeprefix('CAP_').lower()}" for name in unit["CapabilityBoundingSet"].split()]
    how = {"folders": shlex.join(READ_ONLY), "writable": shlex.join(WRITABLE), "capabilities": ",".join(names)}
    text = SHELL.format(**how, command=shlex.join(map(str, command)))
    return ["unshare", "--mount", "sh", "-c", text]


def test_it_is_at_work_and_reloads(tmp_path: Path) -> None:
    """A configuration and keys that only root may look at; of the rights, the helper has what its verbs take."""
    tmp_path.chmod(0o700)
    with scene(tmp_path, wrapped=restricted) as at:
        assert at.answered(SERVER[0])
        at.file.chmod(0o600)
        with at.connect(SERVER[0]) as line:
            at.write(ONE, TWO)
            at.file.chmod(0o600)
            at.waits_for(r"changed what=.host two added")
            (at.folder / "key").write_text((at.folder / "key").read_text().upper())  # the same key, written otherwise
            at.hardtack("reload")
            (at.folder / "key").unlink()
            assert "no such key file" in at.waits_for(r"not-reloaded by=file")
            check(line)
        (helper,) = Path(f"/proc/{at.front.pid}/task/{at.front.pid}/children").read_text().split()
        for pid, root in ((str(at.front.pid), False), (helper, True)):
            facts = dict(one.split(":\t", 1) for one in Path(f"/proc/{pid}/status").read_text().splitlines())
            assert facts["NoNewPrivs"] == "1" and ("0" in facts["Uid"].split()) == root
            assert bool(int(facts["CapEff"], 16)) == root and int(facts["CapBnd"], 16).bit_count() == 7


def test_it_protects_this_machine_too(tmp_path: Path) -> None:
    """The agent in its process: raw sockets, and a table of nftables."""
    with topology.local() as net, sink(net.near):
        file = configuration(tmp_path, net.outside, [{"name": "here", "addresses": SERVER, "via": "local"}])
        with Process(restricted(front_command(file)), net.front) as front:
            assert "agent_here=true" in front.wait_for(r"\bready\b", PATIENCE)
            assert tcx_programs(net.far) == 1
            assert not [line for line in front.lines if " WARNING " in line or " ERROR " in line]
            assert front.stop() == 0
        detach(net.outside)
