"""One kernel: make its guest, let it play, and listen."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hardtack.lab.machines import machine, outcomes
from hardtack.lab.machines.archive import Archive
from hardtack.lab.machines.initramfs import initramfs
from hardtack.lab.machines.modules import boot
from hardtack.lab.machines.play import LIMIT
from hardtack.lab.machines.project import project
from hardtack.lab.machines.record import Seen
from hardtack.lab.machines.root import root
from hardtack.lab.machines.tools import Tools
from hardtack.lab.namespaces import LabError

SILENCE = LIMIT + 60  # s that a guest may say nothing: it boots, or plays one scenario


@dataclass(frozen=True)
class Workshop:
    """What all guests are made with, and where what they say goes."""

    archive: Archive
    tools: Tools
    cache: Path
    out: Path


def play(workshop: Workshop, seen: Seen, scenarios: list[str]) -> Iterator[str]:
    """Fill in `seen`; a line for people whenever there is news. What goes wrong is the kernel's trouble, not this run's."""
    try:
        yield from _play(workshop, seen, scenarios)
    except LabError as error:
        seen.trouble = str(error)
        yield f"trouble: {error}"


def _play(workshop: Workshop, seen: Seen, scenarios: list[str]) -> Iterator[str]:
    archive, tools, kernel = workshop.archive, workshop.tools, seen.kernel
    yield f"{kernel.package} of {kernel.suite}"
    booted = boot(archive, tools, kernel)
    disk, busybox = root(archive, tools, kernel.arch)
    with tempfile.TemporaryDirectory(dir=workshop.cache, prefix="guest-") as scratch:
        work = Path(scratch)
        ours = project(tools, scenarios, work / "project.ext4")
        initrd = initramfs(tools, booted, busybox, work / "initrd")
        disks = (disk, booted.image, ours)
        said = workshop.out / f"kernel-{kernel.name}"
        yield f"starting {booted.release}"
        with machine.guest(tools, kernel.arch, booted.vmlinuz, initrd, disks, said) as guest:
            for line in guest.lines(SILENCE):
                yield heard(line, seen)
    if not seen.release:
        raise LabError(f"it did not come up; its console ends with:\n{guest.last_words()}")
    if missing := scenarios[seen.ended :]:
        raise LabError(f"it went off without {', '.join(missing)}; its console ends with:\n{guest.last_words()}")


def heard(line: str, seen: Seen) -> str:
    """Take down what a guest reports; the line that people see."""
    result = outcomes.read(line)
    if result:
        seen.results.append(result)
        return f"  {result.outcome:<9} {result.name}  {result.seen}"
    try:
        told = json.loads(line)
    except ValueError:
        return line
    if "release" in told:
        seen.release = told["release"]
        return f"{told['release']} is up, {told['up']} s after it started"
    if "ended" in told:
        seen.ended += 1
        return f"{told['ended']}: {told['seconds']} s"
    return f"{told.get('began', line)}:"
