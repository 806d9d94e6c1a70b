"""The xdp engine: the packet programs in the kernel, in network drivers where they can be; at work without a process.

front       XDP, on each uplink, where the internet comes in; tcx ingress if frames begin with IP there
inside      the same, on each interface that hosts are behind, if they are named
leaving     tcx egress, on each uplink: what the network stack sends there
sweeper     nowhere: the front's process runs it
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from hardtack.compiler import objects
from hardtack.compiler.program import Source
from hardtack.image import Image, Table
from hardtack.kernel.pins import Folder, link_name
from hardtack.kernel.standing import Place, Standing
from hardtack.packet.programs import FRONT, FRONT_IP, INSIDE, INSIDE_IP, LEAVING, SHIPPED, SWEEPER

CONNECTIONS = ("places", "marks", "tags", "connections")  # one thing in four tables
COUNTERS = ("counters",)


def places(
    uplinks: Sequence[str], inside: Sequence[str], leaving: bool, without_ethernet: Collection[str]
) -> list[Place]:
    """Where programs are to be, those that only watch first: they know of a connection before a frame of it is judged.

    `without_ethernet`: interfaces where frames begin with IP.
    """
    watching = [Place(link_name("leaving", name), LEAVING.name, name, "egress") for name in uplinks if leaving]
    watching += [incoming("inside", (INSIDE, INSIDE_IP), name, name in without_ethernet) for name in inside]
    fronts = [incoming("front", (FRONT, FRONT_IP), name, name in without_ethernet) for name in uplinks]
    return [*watching, *(replace(front, answers=True) for front in fronts)]


def incoming(what: str, programs: tuple[Source, Source], interface: str, bare: bool) -> Place:
    """Where a program sees all that comes in: of two, the one for Ethernet, or, if frames begin with IP there, the other."""
    link = link_name(what, interface)
    if bare:
        return Place(link, programs[1].name, interface, "ingress")
    return Place(link, programs[0].name, interface, "xdp")


def images(wanted: Sequence[Place]) -> list[Image]:
    """The programs that these places take, and the one that is just run. CompileError."""
    names = {SWEEPER.name, *(place.program for place in wanted)}
    return [objects.compiled(source) for source in SHIPPED if source.name in names]


def load(folder: Folder, images: Sequence[Image], sizes: Mapping[str, int], also: Sequence[Table]) -> Standing:
    """Programs and tables in the kernel, nothing attached yet. Mistake if the kernel refuses them.

    `sizes`: entries of `tags`, `connections`, `marks`, `counters`; `also`: tables that no program reads.
    """
    return Standing(folder, images, lasting=(CONNECTIONS, COUNTERS), sizes=sizes, also=also)
