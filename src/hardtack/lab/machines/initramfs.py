"""What a kernel starts with: enough to mount the guest's images and go on from there."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hardtack.lab.machines.archive import run
from hardtack.lab.machines.modules import Booted
from hardtack.lab.machines.tools import Tools

# The disks are, in the order of machine.py: root, modules, project.
INIT = """\
#!/busybox sh
export PATH=/
busybox mount -t devtmpfs dev /dev
while read -r name; do busybox insmod /modules/$name || echo "initramfs: $name cannot be loaded"; done < /modules/order
tries=0
while [ ! -b /dev/vdc ] && [ $tries -lt 200 ]; do busybox usleep 50000; tries=$((tries + 1)); done
busybox mount -t ext4 /dev/vda /root && busybox mount -t ext4 -o ro /dev/vdb /root/lib/modules &&
    busybox mount -t ext4 /dev/vdc /root/project && busybox mount -t devtmpfs dev /root/dev &&
    exec busybox switch_root /root /project/init
echo "initramfs: no disks"
busybox poweroff -f
"""


def initramfs(tools: Tools, booted: Booted, busybox: Path, path: Path) -> Path:
    """Written to `path`: busybox, the modules that it takes to find disks, and INIT."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="initramfs-") as scratch:
        folder = Path(scratch)
        for name in ("dev", "modules", "root"):
            (folder / name).mkdir()
        shutil.copy2(busybox, folder / "busybox")
        names = []
        for module in booted.for_disk():
            shutil.copy2(module, folder / "modules")
            names.append(module.name)
        (folder / "modules" / "order").write_text("".join(f"{name}\n" for name in names))
        (folder / "init").write_text(INIT)
        (folder / "init").chmod(0o755)
        files = [str(found.relative_to(folder)) for found in sorted(folder.rglob("*"))]
        archived = tools.command("bin/cpio", "--create", "--quiet", "--format=newc", f"--file={path}")
        run(archived, cwd=folder, input="\n".join(files))
    return path
