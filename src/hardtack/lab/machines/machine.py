"""A guest: QEMU, started with a kernel and three images, listened to until it is done, ended by its pid.

QEMU runs as whoever asks, and emulates: KVM inside of a machine that is virtual itself is not there, or not to be relied on.
It has no network to the outside, and what the guest writes to its images is thrown away.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hardtack.lab import launch
from hardtack.lab.machines.cards import CARDS
from hardtack.lab.machines.kernels import Arch
from hardtack.lab.machines.tools import Tools
from hardtack.lab.namespaces import LabError

MEMORY = 1536  # MB
CPUS = 2
Disks = tuple[Path, Path, Path]  # root, modules, project
PORT = "told"  # a virtio port, whose lines are what a guest reports


@dataclass(frozen=True)
class Board:
    """How QEMU emulates an architecture: its program, machine, processor, and what the kernel calls the console."""

    program: str
    machine: str
    cpu: str
    console: str


BOARDS = {
    "amd64": Board("bin/qemu-system-x86_64", "q35", "max", "ttyS0"),
    "arm64": Board("bin/qemu-system-aarch64", "virt", "neoverse-n1", "ttyAMA0"),  # "max" signs pointers, slowly
}


class Guest:
    """A running guest. `console` is the file with what its kernel and first process say."""

    def __init__(self, process: subprocess.Popen[bytes], console: Path) -> None:
        self.process = process
        self.console = console

    def lines(self, silence: float) -> Iterator[str]:
        """What it reports, until it is off. LabError if it says nothing for `silence` seconds, or QEMU fails."""
        assert self.process.stdout is not None
        rest = b""
        with selectors.DefaultSelector() as ready:
            ready.register(self.process.stdout, selectors.EVENT_READ)
            while True:
                if not ready.select(silence):
                    raise LabError(f"silent for {silence:.0f} s; its console ends with:\n{self.last_words()}")
                news = self.process.stdout.read1(65536)  # type: ignore[attr-defined]
                if not news:
                    break
                *whole, rest = (rest + news).split(b"\n")
                yield from (line.decode(errors="replace") for line in whole)
        if status := self.process.wait():
            raise LabError(f"QEMU ended with status {status}; the console ends with:\n{self.last_words()}")

    def last_words(self) -> str:
        """The end of its console."""
        return self.console.read_text(errors="replace")[-2000:] if self.console.exists() else "(nothing)"


@contextmanager
def guest(tools: Tools, arch: Arch, vmlinuz: Path, initrd: Path, disks: Disks, out: Path) -> Iterator[Guest]:
    """A guest that has been started; gone with the block, and with this process however that ends.

    Console and QEMU's own complaints go to `out`.
    """
    console = Path(f"{out}.console")
    line = command(tools, arch, vmlinuz, initrd, disks, console)
    start = [sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), "", "0", "", "--"]
    with Path(f"{out}.qemu").open("wb") as complaints, subprocess.Popen(
        [*start, "nice", *line],
        env=tools.environment(),
        stdin=subprocess.PIPE,  # open for as long as we are: else the port were closed
        stdout=subprocess.PIPE,
        stderr=complaints,
        start_new_session=True,  # Ctrl-C is for us, who then end it
    ) as process:
        try:
            yield Guest(process, console)
        finally:
            process.kill()


def command(tools: Tools, arch: Arch, vmlinuz: Path, initrd: Path, disks: Disks, console: Path) -> list[str]:
    """QEMU's command line; what comes by the port goes to standard output."""
    board = BOARDS[arch]
    drives: list[object] = []
    for disk in disks:
        drives += ["-drive", f"file={disk},format=raw,if=virtio,snapshot=on"]
    said = f"console={board.console} quiet panic=5 net.ifnames=0 began={int(time.time())}"
    return tools.command(
        board.program,
        *("-L", tools.tree / "usr/share/qemu", "-L", tools.tree / "usr/share/seabios"),
        *("-machine", board.machine, "-cpu", board.cpu, "-smp", CPUS, "-m", MEMORY),
        *("-accel", "tcg,thread=multi"),
        *("-nodefaults", "-display", "none", "-no-reboot", "-serial", f"file:{console}"),
        *("-kernel", vmlinuz, "-initrd", initrd, "-append", said, *drives),
        *("-device", "virtio-rng-pci", "-device", "virtio-serial-pci", "-chardev", "stdio,id=told,signal=off"),
        *("-device", f"virtserialport,chardev=told,name={PORT}"),
        *(option for card in CARDS for option in card.options()),
    )
