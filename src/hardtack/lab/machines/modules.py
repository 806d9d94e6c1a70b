"""A kernel as a guest boots it: its image, the modules that it may want, and which of them it needs to find a disk."""

from __future__ import annotations

import lzma
import shutil
from dataclasses import dataclass
from pathlib import Path

from hardtack.lab.machines.archive import Archive
from hardtack.lab.machines.images import image
from hardtack.lab.machines.kernels import Kernel
from hardtack.lab.machines.tools import Tools
from hardtack.lab.namespaces import LabError

WANTED = (  # what a guest gets, below kernel/; all other modules stay away
    *("arch/**/", "crypto/**/", "lib/**/", "net/*/", "net/ipv4/**/", "net/ipv6/**/", "drivers/char/**/", "drivers/virtio/"),
    *("drivers/block/", "drivers/net/", "drivers/net/bonding/", "drivers/net/vxlan/", "drivers/net/ethernet/intel/**/"),
    *("drivers/ptp/", "drivers/pps/", "drivers/dca/", "drivers/i2c/**/", "drivers/iommu/**/"),
    *("fs/", "fs/ext4/", "fs/jbd2/"),
)
DISK = ("virtio_pci", "virtio_blk", "crc32c_generic", "ext4")  # ext4 asks for its checksum by name: nothing depends on that


@dataclass(frozen=True)
class Booted:
    """Where the parts lie: `release` is what uname says, `modules` those that the guest gets, `image` all of them."""

    release: str
    vmlinuz: Path
    modules: Path
    image: Path

    def for_disk(self) -> list[Path]:
        """The modules that it takes to mount an image, in the order in which they are loaded."""
        needs = dependencies((self.modules / "modules.dep").read_text())
        return [self.modules / path for path in ordered(needs, DISK)]


def boot(archive: Archive, tools: Tools, kernel: Kernel) -> Booted:
    """The newest of a kernel's line, unpacked, with an image of its modules."""
    packages = archive.resolve(kernel.suite, [kernel.package], kernel.arch)
    ours = [package for package in packages if package.name.startswith("linux-") and package.arch == kernel.arch]
    tree = archive.unpacked(f"kernel-{kernel.name}", ours)
    [every] = tree.glob("usr/lib/modules/*")
    release = every.name
    places = (tree / "boot" / f"vmlinuz-{release}", every / "vmlinuz")
    vmlinuz = next(path for path in places if path.exists())
    some = tree / "some" / "lib" / "modules" / release
    path = Path(f"{tree}.ext4")
    if not path.exists():
        choose(every, some)
        tools.run("sbin/depmod", "-b", tree / "some", release)
        image(tools, some.parent, path)
    return Booted(release, vmlinuz, some, path)


def choose(every: Path, some: Path) -> None:
    """Copy the modules that a guest may want, not packed any more: to find them packed, or not, differs between kernels."""
    for name in WANTED:
        for module in (every / "kernel").glob(f"{name}*.ko*"):
            copy = some / module.relative_to(every).with_name(module.name.split(".")[0] + ".ko")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(content(module))
    for listing in every.glob("modules.*"):
        shutil.copy2(listing, some)


def dependencies(told: str) -> dict[str, list[str]]:
    """modules.dep: the path of each module, and of those that it needs."""
    pairs = (line.split(":") for line in told.splitlines() if ":" in line)
    return {path: needs.split() for path, needs in pairs}


def ordered(needs: dict[str, list[str]], names: tuple[str, ...]) -> list[str]:
    """Paths of the named modules and of all that they need, each behind what it needs. What is built in is not there."""
    by_name = {Path(path).name.split(".")[0].replace("-", "_"): path for path in needs}
    found: dict[str, None] = {}

    def load(path: str) -> None:
        for need in needs[path]:
            load(need)
        found[path] = None

    for name in names:
        if name in by_name:
            load(by_name[name])
    return [*found]


def content(path: Path) -> bytes:
    """A module, as the kernel takes it."""
    if path.suffix == ".ko":
        return path.read_bytes()
    if path.suffix == ".xz":
        return lzma.decompress(path.read_bytes())
    raise LabError(f"{path.name}: modules packed so are not known here")
