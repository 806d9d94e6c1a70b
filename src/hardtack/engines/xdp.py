"""The xdp engine: the packet programs in the kernel, in network drivers where they can be; at work without a process.

front       XDP, where the internet comes in
inside      XDP, on each interface that hosts are behind, if they are named
leaving     tcx egress, where the internet comes in: what the network stack sends there
sweeper     nowhere: the front's process runs it
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hardtack.compiler import objects
from hardtack.image import Image, Table
from hardtack.kernel.pins import Folder
from hardtack.kernel.standing import Place, Standing
from hardtack.packet.programs import FRONT, INSIDE, LEAVING, SWEEPER

CONNECTIONS = ("places", "marks", "tags", "connections")  # one thing in four tables
COUNTERS = ("counters",)


def places(outside: str, inside: Sequence[str], leaving: bool) -> list[Place]:
    """Where programs are to be, those that only watch first: they know of a connection before a frame of it is judged."""
    watching = [Place("leaving", LEAVING.name, outside, "egress")] if leaving else []
    watching += [Place(f"inside-{name}", INSIDE.name, name, "xdp") for name in inside]
    return [*watching, Place("front", FRONT.name, outside, "xdp", answers=True)]


def images(wanted: Sequence[Place]) -> list[Image]:
    """The programs that these places take, and the one that is just run. CompileError."""
    names = {SWEEPER.name, *(place.program for place in wanted)}
    return [objects.compiled(source) for source in (FRONT, INSIDE, LEAVING, SWEEPER) if source.name in names]


def load(folder: Folder, images: Sequence[Image], sizes: Mapping[str, int], also: Sequence[Table]) -> Standing:
    """Programs and tables in the kernel, nothing attached yet. Mistake if the kernel refuses them.

    `sizes`: entries of `tags`, `connections`, `marks`, `counters`; `also`: tables that no program reads.
    """
    return Standing(folder, images, lasting=(CONNECTIONS, COUNTERS), sizes=sizes, also=also)
