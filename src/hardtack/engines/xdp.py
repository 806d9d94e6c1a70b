"""The xdp engine: the packet programs in the kernel, in network drivers where they can be; at work without a process.

front       XDP, on each uplink, where the internet comes in; tcx ingress if frames begin with IP there
inside      the same, on each interface that hosts are behind, if they are named
leaving     tcx egress, on each uplink: what the network stack sends there
sweeper     nowhere: the front's process runs it
seeder      likewise, and `hardtack seed`
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from hardtack.compiler import objects
from hardtack.compiler.program import Source
from hardtack.image import Image, ProgramKind, Table
from hardtack.kernel import programs
from hardtack.kernel.pins import Folder, link_name
from hardtack.kernel.standing import Place, Standing
from hardtack.packet.programs import (
    FRONT,
    FRONT_IP,
    FRONT_IP_RULED,
    FRONT_RULED,
    INSIDE,
    INSIDE_IP,
    LEAVING,
    RULED,
    SEEDER,
    SHIPPED,
    STEER,
    SWEEPER,
)
from hardtack.packet.rule_tables import AFTER_RULES, PASSAGE, POSITION, RULE_PROGRAMS, RULE_PROGRAMS_IP
from hardtack.pcap.libpcap import Expression, Link

XDP_PASS, TCX_NEXT = 2, -1
OF_RULES = RULED  # tables that the second program reads: there whether it is or not, so that rules may come later
CONNECTIONS = ("places", "marks", "tags", "connections")  # one thing in four tables
SOURCES = ("proven_places", "proven_tags", "proven")  # likewise: proven ones
COUNTERS, RULE_COUNTERS = ("counters",), ("rule_counters",)


def places(
    uplinks: Sequence[str], inside: Sequence[str], leaving: bool, without_ethernet: Collection[str], first: Source = FRONT
) -> list[Place]:
    """Where programs are to be, those that only watch first: they know of a connection before a frame of it is judged.

    `without_ethernet`: interfaces where frames begin with IP; `first`: what sees frames from clients first.
    """
    watching = [Place(link_name("leaving", name), LEAVING.name, name, "egress") for name in uplinks if leaving]
    watching += [incoming("inside", (INSIDE, INSIDE_IP), name, name in without_ethernet) for name in inside]
    fronts = [incoming("front", (first, FRONT_IP), name, name in without_ethernet) for name in uplinks]
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


def seeder() -> Image:
    """The program that is loaded only where there is something to seed. CompileError."""
    return objects.compiled(SEEDER)


def load(
    folder: Folder,
    images: Sequence[Image],
    sizes: Mapping[str, int],
    also: Sequence[Table],
    jumps: Mapping[str, Mapping[int, Image]] = MappingProxyType({}),
    kept: Collection[str] = (),
) -> Standing:
    """Programs and tables in the kernel, nothing attached yet. Mistake if the kernel refuses them.

    `sizes`: entries of tables that are larger or smaller than as they are defined; `also`: tables that no program reads;
    `kept`: those of them that last; `jumps`: what is in tables of programs.
    """
    lasting = (CONNECTIONS, SOURCES, COUNTERS, RULE_COUNTERS, *((name,) for name in kept))
    ours = (*also, *OF_RULES)
    return Standing(folder, images, lasting=lasting, sizes=sizes, also=ours, jumps=jumps)


@dataclass(frozen=True)
class RuleTable:
    """A table of rule programs: with which programs at uplinks, where rule programs go on, what kind they are."""

    table: Table
    fronts: tuple[Source, ...]
    second: Source
    kind: ProgramKind
    link: Link

    @property
    def name(self) -> str:
        """The table's."""
        return self.table.name

    def after(self) -> Image:
        """The front's second program. CompileError."""
        return objects.compiled(self.second)


RULE_TABLES = (
    RuleTable(RULE_PROGRAMS, (FRONT, STEER), FRONT_RULED, "xdp", "ethernet"),
    RuleTable(RULE_PROGRAMS_IP, (FRONT_IP,), FRONT_IP_RULED, "tcx", "ip"),
)


def rule_tables(wanted: Sequence[Place]) -> list[RuleTable]:
    """Those that fronts at these places need."""
    names = {place.program for place in wanted}
    return [table for table in RULE_TABLES if names & {front.name for front in table.fronts}]


def rule_image(expressions: Sequence[Expression], kind: ProgramKind, place: int = 0) -> Image:
    """The program for a place: it says which of a list matches, and goes on in the front's second program. TooLarge."""
    from hardtack.pcap.programs import Onward, rule_program  # llvmlite, which only rules need

    table, otherwise = (RULE_PROGRAMS, XDP_PASS) if kind == "xdp" else (RULE_PROGRAMS_IP, TCX_NEXT)
    onward = Onward(PASSAGE, POSITION, table, AFTER_RULES, otherwise)
    return rule_program(expressions, onward, kind, called(place))


def called(place: int) -> str:
    """The name of the rule program for a place in a table."""
    return f"rules_{place}"


def culprit(expressions: Sequence[Expression], kind: ProgramKind) -> int:
    """Which of a list that the kernel refuses is the first that is too much, from 1; 0 if it is none's fault."""
    from hardtack.pcap import programs as lists

    return lists.culprit(expressions, lambda image: not programs.takes(image, {}), kind)
