"""The guest's root: Debian's packages as unpacked, the few files that installing them would have made, Python's packages."""

from __future__ import annotations

import shutil
from pathlib import Path

from hardtack.lab.machines import packages
from hardtack.lab.machines.archive import Archive
from hardtack.lab.machines.images import image, precompile
from hardtack.lab.machines.kernels import GUEST, Arch
from hardtack.lab.machines.tools import Tools

PACKAGES = ("busybox-static", "ethtool", "iproute2", "kmod", "libstdc++6", "python3")  # libstdc++6: numpy's
FOLDERS = ("dev", "etc", "lib/modules", "proc", "project", "root", "run", "sys", "tmp", "var")
FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/hosts": "127.0.0.1 localhost\n",
}


def root(archive: Archive, tools: Tools, arch: Arch) -> tuple[Path, Path]:
    """The image of the guest's root, and its busybox, which needs no library."""
    tree = archive.unpacked(f"guest-{arch}", archive.resolve(GUEST, PACKAGES, arch))
    wanted = packages.wanted()
    path = Path(f"{tree}-{packages.digest(wanted)}.ext4")
    if not path.exists():
        (tree / "usr/bin/sh").unlink(missing_ok=True)
        (tree / "usr/bin/sh").symlink_to("busybox")
        for name in FOLDERS:
            (tree / name).mkdir(exist_ok=True)
        for name, content in FILES.items():
            (tree / name).write_text(content)
        shutil.rmtree(tree / "packages", ignore_errors=True)
        packages.install(wanted, tree / "packages", arch)
        for place in ("packages", "usr/lib/python3.11"):
            precompile(tree / place)
        image(tools, tree, path)
    return path, tree / "usr/bin/busybox"
