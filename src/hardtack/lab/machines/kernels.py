"""The kernels that are tried, all of them Debian's."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from hardtack.lab.namespaces import LabError

Arch = Literal["amd64", "arm64"]  # as Debian calls them

SUITES = ("bookworm", "bookworm-backports", "trixie", "trixie-backports")
GUEST = "bookworm"  # whose Python, 3.11, is the oldest that Hardtack takes
TOOLS = "trixie"  # whose QEMU has all the cards


@dataclass(frozen=True)
class Kernel:
    """A kernel by the package that always has the newest of its line."""

    name: str
    suite: str
    package: str
    arch: Arch = "amd64"
    agent: bool = True  # whether there can be one: Linux 6.9


KERNELS = (
    Kernel("6.1", "bookworm", "linux-image-amd64", agent=False),
    Kernel("6.12", "trixie", "linux-image-amd64"),
    Kernel("newest", "trixie-backports", "linux-image-amd64"),
    Kernel("rt", "trixie", "linux-image-rt-amd64"),
    Kernel("arm64", "trixie", "linux-image-arm64", "arm64"),
)
DEFAULT = ("6.1", "6.12")  # in under 20 minutes


def chosen(names: Iterable[str]) -> list[Kernel]:
    """Kernels by their names; "all" is all of them, nothing is the default. LabError for a name that is none."""
    known = {kernel.name: kernel for kernel in KERNELS}
    wanted = [*names] or [*DEFAULT]
    if wanted == ["all"]:
        return [*KERNELS]
    for name in wanted:
        if name not in known:
            raise LabError(f"no kernel {name!r}; there are: all {' '.join(known)}")
    return [known[name] for name in dict.fromkeys(wanted)]


def native() -> Arch:
    """What this machine is. LabError if it is neither."""
    machines: dict[str, Arch] = {"x86_64": "amd64", "aarch64": "arm64"}
    try:
        return machines[platform.machine()]
    except KeyError:
        raise LabError(f"Debian has no tools here for {platform.machine()}; use x86-64 or 64-bit ARM") from None
