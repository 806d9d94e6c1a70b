"""QEMU and what makes images, from Debian's packages: run where they were unpacked, with the libraries they came with."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from hardtack.lab.machines.archive import Archive, run
from hardtack.lab.machines.kernels import TOOLS, Arch, native

PACKAGES = ("qemu-system-x86", "qemu-system-arm", "e2fsprogs", "kmod", "cpio")
PLACES = {  # where a dynamic linker is, and libraries
    "amd64": ("usr/lib64/ld-linux-x86-64.so.2", "usr/lib/x86_64-linux-gnu"),
    "arm64": ("usr/lib/ld-linux-aarch64.so.1", "usr/lib/aarch64-linux-gnu"),
}


@dataclass(frozen=True)
class Tools:
    """The folder in which they lie."""

    tree: Path
    arch: Arch

    def command(self, program: str, *words: object) -> list[str]:
        """The command line of a program (as a path below /usr): its own dynamic linker starts it, not this machine's."""
        linker, libraries = PLACES[self.arch]
        start = [self.tree / linker, "--library-path", self.tree / libraries, self.tree / "usr" / program]
        return [*map(str, start), *map(str, words)]

    def run(self, program: str, *words: object) -> str:
        """Run one to its end: what it printed."""
        return run(self.command(program, *words), env=self.environment())

    def environment(self) -> dict[str, str]:
        """With QEMU's own modules, which it would look for beside the dynamic linker."""
        return {**os.environ, "QEMU_MODULE_DIR": str(self.tree / PLACES[self.arch][1] / "qemu"), "LC_ALL": "C.UTF-8"}


def tools(archive: Archive) -> Tools:
    """All of them, for this machine."""
    arch = native()
    return Tools(archive.unpacked("tools", archive.resolve(TOOLS, PACKAGES, arch)), arch)
