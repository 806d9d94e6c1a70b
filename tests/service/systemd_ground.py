"""Machines with a real systemd as PID 1: a lab's network namespace, and every other namespace of their own.

The file system is this machine's, below an overlay in memory: whatever is installed, enabled or written there goes with
the machine. Hardtack is installed as a wheel installs it: the package for Debian's Python, with compiled programs.

    test --- unshare (dies with the test) --- systemd (dies with unshare: PID 1, so everything else with it)
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from signal import SIGKILL

from lab_ground import eventually

import hardtack
from hardtack.lab.folder import folder
from hardtack.lab.namespaces import Namespace
from hardtack.lab.process import Process, run
from hardtack.packet.images import build_all

ROOT = Path(__file__).parents[2]
PYTHON = "/usr/bin/python3"  # services must not see /root or /home, where the tests' own may be
SYSTEMD = "/usr/lib/systemd/systemd"
PATIENCE = 120.0  # s that anything may take: no test judges by time
CHECKOUT, SITE = "/opt/checkout", "/opt/site"  # in the machine
VARIABLES = ("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "LANG=C.UTF-8", "SYSTEMD_PAGER=", "SYSTEMD_COLORS=0")
JOURNALD = "[Journal]\nStorage=volatile\nAudit=no\nRateLimitIntervalSec=0\n"
COMMAND = f'#!/bin/sh\nPYTHONPATH={SITE} exec {PYTHON} -P -m hardtack "$@"\n'
# Which cgroups are the machine's own is settled before it has a cgroup namespace. Empty ones of killed tests are swept
OUTER = """
mount -t tmpfs -o mode=755 tmpfs {place}
cd {place}
mkdir -m 755 upper work root cgroups
mount -t cgroup2 cgroup2 cgroups
for old in cgroups/ht*-*; do
    lab=${{old#cgroups/ht}}
    test -e /proc/${{lab%%-*}} || find $old -depth -type d -exec rmdir {{}} + 2>/dev/null || true
done
mkdir cgroups/{name}
echo $$ > cgroups/{name}/cgroup.procs
cp -a {layer}/. upper/
exec unshare --pid --uts --ipc --cgroup --mount --fork --kill-child sh -ec {inner}
"""
# /sys and /proc/sys are read-only, as in a container: nothing of this machine's kernel is to be set
INNER = """
mount -t overlay -o lowerdir=/,upperdir=upper,workdir=work overlay root
rm -rf root/etc/systemd/system/* root/etc/hardtack root/var/lib/hardtack
for one in modprobe@ systemd-modules-load; do ln -s /dev/null root/etc/systemd/system/$one.service; done
echo {role} > root/etc/hostname
rm -f root/usr/sbin/policy-rc.d
mount -t proc proc root/proc
mount --bind root/proc/sys root/proc/sys
mount -o bind,remount,ro root/proc/sys
mount -t sysfs sysfs root/sys
mount -o bind,remount,ro root/sys
mount -t bpf -o mode=700 bpf root/sys/fs/bpf
mount -t cgroup2 cgroup2 root/sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs root/run
mount -t tmpfs -o mode=1777 tmpfs root/tmp
mount -t tmpfs -o mode=755 tmpfs root/dev
mkdir root/dev/pts root/dev/shm
mount -t devpts -o newinstance,ptmxmode=666 devpts root/dev/pts
ln -s pts/ptmx root/dev/ptmx
ln -s /proc/self/fd root/dev/fd
for one in null zero full random urandom tty; do touch root/dev/$one; mount --bind /dev/$one root/dev/$one; done
for one in {bound}; do mkdir -p root/${{one#*=}}; mount --rbind ${{one%%=*}} root/${{one#*=}}; done
cd root
pivot_root . .
umount -l .
exec env -i container=lab {systemd} --system --unit=basic.target --log-target=journal --show-status=no
"""


@cache
def missing() -> str:
    """Why such a machine cannot be made here; "" if it can."""
    if not all(map(shutil.which, (SYSTEMD, "systemctl", "nsenter", "unshare"))):
        return "needs systemd"
    mount = ["unshare", "--mount", "--propagation", "private", "mount", "-t", "cgroup2", "cgroup2", "/mnt"]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        return "cgroup2 cannot be mounted here, as in a container without privileges"
    asked = [PYTHON, "-c", "import sys; print(sys.version_info[:2])"]
    said = subprocess.run(asked, capture_output=True, text=True, check=False).stdout if Path(PYTHON).exists() else ""
    return "" if said.strip() == str(sys.version_info[:2]) else f"{PYTHON} is another Python than the tests'"


@dataclass
class Machine:
    """One that runs. `ran`: shell lines that were run in it, as they were written."""

    net: Namespace
    pid: int  # of its PID 1
    ran: list[str] = field(default_factory=list)

    def run(self, line: str) -> tuple[int, str]:
        """Exit status of a shell line, and what it said."""
        self.ran.append(line)
        enter = ["nsenter", f"--target={self.pid}", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"]
        done = run([*enter, "env", "-i", "--chdir=/srv", *VARIABLES, "bash", "-c", line], None, timeout=PATIENCE)
        return done.returncode, (done.stdout + done.stderr).decode(errors="replace")

    def does(self, line: str) -> str:
        """What a shell line says that must succeed."""
        status, said = self.run(line)
        assert status == 0, f"{line}: {status}\n{said}\n{self.run('journalctl --no-pager | tail -n 40')[1]}"
        return said

    def write(self, path: str, text: str) -> None:
        """A file of its own."""
        self.does(f"mkdir -p {Path(path).parent}; printf %s {shlex.quote(text)} > {path}")

    def shows(self, unit: str, *names: str) -> list[str]:
        """A unit's properties, in this order."""
        lines = self.does(f"systemctl show {unit} --property={','.join(names)}").splitlines()
        found = dict(line.split("=", 1) for line in lines)
        return [found[name] for name in names]

    def becomes(self, unit: str, state: str) -> bool:
        """Whether a unit gets there: what it is and how, as in active/running."""
        return eventually(lambda: "/".join(self.shows(unit, "ActiveState", "SubState")) == state, PATIENCE)

    def journal(self, unit: str, *options: str) -> str:
        """What it has said, by journalctl."""
        status, said = self.run(f"journalctl --no-pager --output=cat --unit={unit} {' '.join(options)}")
        assert status in (0, 1), said  # 1: nothing matches
        return said


def with_hardtack(place: Path) -> Path:
    """A layer of files for a machine that has Hardtack, as a wheel installs it."""
    library = place / "usr/local/lib/python{}.{}/dist-packages/hardtack".format(*sys.version_info)
    shutil.copytree(Path(hardtack.__file__).parent, library)
    (library / "prebuilt").mkdir()
    build_all(library / "prebuilt")
    shutil.copytree(ROOT / "etc", library / "examples")
    write(place / "usr/local/bin/hardtack", COMMAND, 0o755)
    return bare(place)


def bare(place: Path) -> Path:
    """A layer for a machine without: its journal in memory, and its id."""
    write(place / "etc/systemd/journald.conf.d/lab.conf", JOURNALD)
    write(place / "etc/machine-id", f"{'6' * 32}\n")
    return place


def write(path: Path, text: str, mode: int = 0o644) -> None:
    """A file of the layer."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


@contextmanager
def machine(net: Namespace, layer: Path) -> Iterator[Machine]:
    """Boot one in a lab's namespace; when the block ends, so does everything in it."""
    bound = f"{ROOT}={CHECKOUT} {sysconfig.get_path('purelib')}={SITE}"
    role = net.name.rpartition("-")[2]
    inner = INNER.format(bound=bound, role=role, systemd=SYSTEMD)
    with folder("machine") as place:
        outer = OUTER.format(place=place, name=net.name, layer=layer, inner=shlex.quote(inner))
        unshare = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", outer]
        process = Process(unshare, net)
        try:
            made = Machine(net, booting(process))
            assert eventually(lambda: made.run("systemctl is-system-running --wait")[0] == 0, PATIENCE), story(made, process)
            yield made
        finally:
            process.stop(SIGKILL)
            assert eventually(lambda: removed(net.name), PATIENCE)


def booting(process: Process) -> int:
    """The process that is its PID 1, once it is systemd."""
    found: list[int] = []

    def is_up() -> bool:
        with suppress(OSError):  # mount, cp and the like: gone in the meantime
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            found[:] = [int(one) for one in children if Path(f"/proc/{one}/comm").read_text() == "systemd\n"]
        return len(found) == 1 or process.returncode is not None

    assert eventually(is_up, PATIENCE) and found, process.lines
    return found[0]


def story(made: Machine, process: Process) -> str:
    """Why it has not come up."""
    return "\n".join([*process.lines, made.run("systemctl --failed; journalctl --no-pager -p warning")[1]])


def removed(name: str) -> bool:
    """Take a machine's cgroups away: possible once all its processes are gone."""
    gone = f"find $m/{name} -depth -type d -exec rmdir {{}} +; test ! -e $m/{name}"
    around = f"m=$(mktemp -d); mount -t cgroup2 cgroup2 $m; {gone}; s=$?; umount $m; rmdir $m; exit $s"
    return run(["unshare", "--mount", "sh", "-c", around], None).returncode == 0
