"""Whether this kernel takes the programs that ship: each is put before its verifier, with small tables, and goes again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer

import typer

from hardtack.image import Image
from hardtack.kernel import bpf, trials
from hardtack.kernel.features import Feature, Purpose
from hardtack.mistake import Mistake
from hardtack.prebuilt import prebuilt, sources_hash

# The oldest kernel that should take each (tried: 6.1, and from 6.12 on), what it is needed for, and by whom
PROGRAMS: dict[str, tuple[str, str, tuple[Purpose, ...]]] = {
    "front": ("6.1", "answering SYNs", ("front", "leaving", "lab")),
    "front_ruled": ("6.1", "rules and dry runs", ()),
    "inside": ("6.1", "learning from hosts", ("front", "lab")),
    "sweeper": ("6.1", "cleaning up the connection table", ("front", "leaving", "lab")),
    "seeder": ("6.1", "importing idle connections at a start", ()),
    "steer": ("6.6", "the af_xdp engine", ()),
    "leaving": ("6.6", "learning from outgoing traffic", ("leaving", "lab")),
    "front_ip": ("6.6", "a front on a tunnel without Ethernet", ()),
    "front_ip_ruled": ("6.6", "rules on such a tunnel", ()),
    "inside_ip": ("6.6", "hosts behind such a tunnel", ()),
    "handed": ("6.6", "the af_xdp engine", ()),
    "relay": ("6.6", "captures with the af_xdp engine", ()),
    "agent": ("6.9", "creating sockets from cookies", ("agent", "lab")),
}
PATIENCE = 2.0  # s before the user is told what takes so long


def programs() -> list[Feature]:
    """A row for each program. Where there is neither an image nor a compiler, it is not known."""
    with said_if_long():
        return [judged(name) for name in PROGRAMS]


def judged(name: str) -> Feature:
    """What this kernel says of one."""
    oldest, needed_for, purposes = PROGRAMS[name]
    row = f"program {name}"
    if not bpf.privileged():
        return Feature(row, None, needed_for, bpf.PRIVILEGES, purposes, "only root can try")
    try:
        image = image_of(name)
    except (Mistake, ModuleNotFoundError) as error:
        why = str(error).splitlines()[0]
        return Feature(row, None, needed_for, "install the wheel that `make build` makes", purposes, why)
    objection = trials.objection(image)
    return Feature(row, not objection, needed_for, remedy(oldest), purposes, objection)


def remedy(oldest: str) -> str:
    """What to do where a program is refused."""
    return f"Linux {oldest} or newer should accept it; this is {os.uname().release}"


def image_of(name: str) -> Image:
    """The wheel's, else compiled. CompileError, ModuleNotFoundError."""
    image = prebuilt(name, sources_hash())
    if image is None:
        from hardtack.compiler import objects
        from hardtack.packet.programs import SHIPPED

        image = next(objects.compiled(source) for source in SHIPPED if source.name == name)
    return image


@contextmanager
def said_if_long() -> Iterator[None]:
    """A checkout that was just edited compiles: that takes a minute."""
    timer = Timer(PATIENCE, typer.echo, ["Compiling the programs, or having them verified ...", None, True, True])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
