"""Hardtack as the guest has it: the wheel that people get, the lab's program compiled as well, and what to play."""

from __future__ import annotations

import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from hardtack.compiler import objects
from hardtack.lab.machines import rules
from hardtack.lab.machines.archive import run
from hardtack.lab.machines.images import image, precompile
from hardtack.lab.machines.packages import HERE
from hardtack.lab.machines.tools import Tools
from hardtack.lab.programs import PASS

INIT = """\
#!/bin/sh
# The first process of a guest.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 PYTHONPATH=/project/packages:/packages
b=/usr/bin/busybox
$b mount -t proc proc /proc; $b mount -t sysfs sys /sys
for place in /run /tmp; do $b mount -t tmpfs none $place; done
$b mount -t bpf bpf /sys/fs/bpf; $b mount -t debugfs debug /sys/kernel/debug
$b ln -s /run /var/run; $b mkdir -p /run/netns
$b date -s "@$($b sed -n 's/.*began=\\([0-9]*\\).*/\\1/p' /proc/cmdline)" >/dev/null
echo 4 >/proc/sys/kernel/printk; echo 5 >/proc/sys/kernel/panic
ip link set lo up
for module in virtio_console virtio_rng virtio_net e1000e; do modprobe $module; done
python3 -P -m hardtack.lab.machines.play $(cat /project/scenarios)
$b poweroff -f
"""


def project(tools: Tools, scenarios: Iterable[str], path: Path) -> Path:
    """The image with all of it, at `path`, and the names of the scenarios to play."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="project-") as scratch:
        folder = Path(scratch)
        packages = folder / "packages"
        unzip(wheel(folder), packages)
        for source in (PASS,):
            (packages / "hardtack" / "prebuilt" / f"{source.name}.json").write_text(objects.compiled(source).dumps())
        for made in rules.images():
            (packages / "hardtack" / "prebuilt" / f"{made.name}.json").write_text(made.dumps())
        (folder / "scenarios").write_text(" ".join(scenarios))
        (folder / "init").write_text(INIT)
        (folder / "init").chmod(0o755)
        precompile(packages)
        return image(tools, folder, path)


def wheel(folder: Path) -> Path:
    """Built from the source around this file."""
    run([sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)], cwd=HERE)
    [built] = folder.glob("*.whl")
    return built


def unzip(built: Path, packages: Path) -> None:
    """Put a wheel's files where they are imported from."""
    with zipfile.ZipFile(built) as opened:
        opened.extractall(packages)
    built.unlink()
