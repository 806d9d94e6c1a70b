"""Programs that share tables and go on without the process that started them: adopted by the next one, not started anew.

A start has four steps, and until the last one nothing that is at work has been harmed:

    Standing(...)   tables that last are adopted, all others made; programs loaded: they know these tables and no others
    (the caller fills the tables)
    attach(...)     each program takes the place of the one that is there, atomically, or is attached where there is none
    keep()          what is new is pinned; until then it goes with the process
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from hardtack.image import Image, Table
from hardtack.kernel import generic, interfaces, links, maps, pins, programs
from hardtack.kernel.bpf import BpfError
from hardtack.kernel.chain import Member, chain
from hardtack.kernel.links import Direction, Hook, Link
from hardtack.kernel.maps import Map
from hardtack.kernel.pins import Folder
from hardtack.kernel.programs import Program
from hardtack.mistake import Mistake

ATTEMPTS = 5  # to be the first of a chain that others change meanwhile
LO = 1  # in every network namespace; whatever comes round there is for all agents of this machine


@dataclass(frozen=True)
class Place:
    """Where the program of the image `program` is to be, and the name of the link that holds it there.

    `answers`: it sends frames back out of the interface that they came in by.
    """

    link: str
    program: str
    interface: str
    hook: Hook
    answers: bool = False


class Doubled(Mistake):
    """The same program is there already, and not by the one that starts."""

    status = 1


class Standing:
    """Images loaded with tables between them. Raises what programs.load does; PinError.

    `lasting`: groups of names of tables; a group is adopted from `folder` if all of it is there, in layout and size.
    `sizes`: entries of tables that differ from the images'. `also`: tables that no program needs. `shared`: tables of
    somebody else, by name. `owner`: whose the tables are, if not the folder's. `jumps`: what is in tables of programs, by
    the table's name and the place in it.

    Then `adopted` has the names of what was adopted; `old` what is there in another size, to be read until `keep`;
    `dropped` what is there and of no use, and why.
    """

    def __init__(
        self,
        folder: Folder,
        images: Iterable[Image],
        *,
        lasting: Sequence[Collection[str]] = (),
        sizes: Mapping[str, int] | None = None,
        also: Iterable[Table] = (),
        shared: Mapping[str, Map] | None = None,
        owner: str = "",
        jumps: Mapping[str, Mapping[int, Image]] = MappingProxyType({}),
    ) -> None:
        folder.make()
        folder.finish()
        self.folder = folder
        self.owner = owner
        self.tables: dict[str, Map] = dict(shared or {})
        self.programs: dict[str, Program] = {}
        self.adopted: set[str] = set()
        self.old: dict[str, Map] = {}
        self.dropped: dict[str, str] = {}
        self._parts = ExitStack()
        self._shared = frozenset(self.tables)
        self._generic: dict[str, Program] = {}  # as the generic hook takes them
        self._jumps = jumps
        self._links: dict[str, tuple[Link, bool]] = {}  # by name; whether it is new
        self._interfaces: dict[str, str] = {}  # that they were put on, by name of the link
        try:
            images = tuple(images)
            tables = [*also, *(table for image in images for table in image.tables)]
            wanted = {table.name: maps.sized(table, sizes or {}) for table in tables}
            for group in lasting:
                self._adopt([wanted[name] for name in group])
            for name in wanted.keys() - self.tables.keys():
                self.tables[name] = self._parts.enter_context(maps.create(wanted[name]))
            for image in images:
                self.programs[image.name] = self._parts.enter_context(programs.load(image, self.tables))
            for name, entries in jumps.items():
                for place, image in entries.items():
                    self.jump(name, place, self._parts.enter_context(programs.load(image, self.tables)))
        except BaseException:
            self.close()
            raise

    def jump(self, table: str, place: int, program: Program) -> None:
        """From now on programs that go on at this place of a table of programs go on in this one."""
        self.tables[table].update(struct.pack("=I", place), struct.pack("=I", program.fd))

    def takes_over(self, place: Place) -> bool:
        """Whether a program is at work there that `attach` will replace: then nothing has passed it by."""
        link = self.folder.living(place.link, interfaces.find(place.interface).index, place.hook)
        if link:
            link.close()
        return link is not None

    def attach(self, places: Iterable[Place]) -> dict[str, str]:
        """In this order. Why a program is not in its driver, by its link's name, for those that are not. Mistake."""
        refused = {}
        for place in places:
            found = interfaces.find(place.interface)
            self._interfaces[place.link] = place.interface
            lost = found.answers_lost if place.answers else ""
            link = self.folder.living(place.link, found.index, place.hook)
            if link and lost and found.attached == "driver":  # the other end has its program no more: nobody is served
                self._for_generic(place.program)  # takes time, in which the old one may go on
                with link:
                    link.detach()
                link = None
            if link:
                self._parts.enter_context(link)
                if place.hook == "xdp" or not chain(found.index, place.hook).before(link.id):
                    self._links[place.link] = link, False
                    is_generic = place.hook == "xdp" and found.attached == "generic"
                    link.update(self._for_generic(place.program) if is_generic else self.programs[place.program])
                    continue
            # Where others have put themselves first, a new link gets before them; `keep` ends the old one
            link, why = self._attached(place, found.index, lost, link.id if link else 0)
            self._links[place.link] = self._parts.enter_context(link), True
            if why:
                refused[place.link] = why
        return refused

    def keep(self) -> None:
        """From now on all of it outlives this process. Raises BpfError."""
        for name, (link, new) in self._links.items():
            if new:
                self.folder.pin_link(name, link)
                self._links[name] = link, False
        fresh = sorted(self.tables.keys() - self._shared - self.adopted)
        self.folder.pin_tables((self.tables[name] for name in fresh), self.owner)

    def pinned(self) -> set[Path]:
        """Where its tables are, once they are kept."""
        return {self.folder.table_path(self.tables[name].table, self.owner) for name in self.tables.keys() - self._shared}

    def links(self) -> set[str]:
        """The names of its links."""
        return set(self._links)

    def gone(self) -> set[str]:
        """Interfaces that programs were attached to, and that are no more: the programs came off with them."""
        return {self._interfaces[name] for name, (link, _) in self._links.items() if not link.ifindex}

    def close(self) -> None:
        """Let go. What was kept goes on; what was not comes off."""
        self._parts.close()
        with suppress(OSError):  # it is there already, or there are pins in it
            self.folder.path.rmdir()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _attached(self, place: Place, ifindex: int, lost: str, successor_of: int) -> tuple[Link, str]:
        """A new link, and why it is not to the driver but to the kernel's generic hook, which is slower; else "".

        `lost`: why the driver is of no use. `successor_of`: the link that goes once this one is kept. BpfError, Doubled.
        """
        program = self.programs[place.program]
        if place.hook != "xdp":
            return attached_first(program, ifindex, place.hook, successor_of), ""
        try:
            if lost:
                return links.attach_xdp(self._for_generic(place.program), ifindex, "generic"), lost
            return links.attach_best(program, lambda: self._for_generic(place.program), ifindex)
        except BpfError as error:
            if error.errno in (errno.EBUSY, errno.EEXIST) and (ours := occupant(ifindex, place.hook)):
                error.remedy = f"the {ours.role} of {ours.interface} is attached: {detaching(ours)}"
            raise

    def _for_generic(self, name: str) -> Program:
        """What the generic hook is given in the place of the program of this name."""
        if name not in self._generic:
            image = self.programs[name].image
            self._jumps_for_generic([table for table in image.tables if table.kind == "prog_array"])
            self._generic[name] = generic.load(image, self.tables, self._parts)
        return self._generic[name]

    def _jumps_for_generic(self, tables: Sequence[Table]) -> None:
        """Tables of programs as they are for the generic hook; pinned as all others, or the kernel would empty them.

        Programs in one may go on in another: all are there before any is filled.
        """
        fresh = [table for table in self._reached(tables) if generic.plain(table).name not in self.tables]
        for table in fresh:
            plain = generic.plain(table)
            self.tables[plain.name] = self._parts.enter_context(maps.create(plain))
        for table in fresh:
            for place, image in self._jumps.get(table.name, {}).items():
                self.jump(generic.plain(table).name, place, generic.load(image, self.tables, self._parts))

    def _reached(self, tables: Sequence[Table]) -> list[Table]:
        """These tables of programs, and those that the programs in them go on through."""
        found: dict[str, Table] = {}
        waiting = [*tables]
        while waiting:
            table = waiting.pop(0)
            if table.name not in found:
                found[table.name] = table
                inside = [one for image in self._jumps.get(table.name, {}).values() for one in image.tables]
                waiting += [one for one in inside if one.kind == "prog_array"]
        return [*found.values()]

    def _adopt(self, group: Sequence[Table]) -> None:
        """All of a group, or none of it."""
        names = [table.name for table in group]
        there = self.folder.tables()
        left = [name for name in names if self.owner + name in there]
        with ExitStack() as parts:
            found = {table.name: self.folder.open(table, self.owner) for table in group}
            whole = {name: parts.enter_context(table) for name, table in found.items() if table}
            if len(whole) < len(group):
                missing = [table.name for table in group if table.name not in whole]
                another = any(self.owner + name in there for name in missing)
                why = "made by another version" if another else f"without {', '.join(missing)}, which was removed"
                self.dropped |= dict.fromkeys(left, why)
                return
            self._parts.enter_context(parts.pop_all())
        if all(whole[table.name].table == table for table in group):
            self.adopted |= whole.keys()
            self.tables |= whole
        else:
            self.old |= whole


def attached_first(program: Program, ifindex: int, hook: Direction, successor_of: int) -> Link:
    """A link before all others at a tcx hook, whatever they answer; none of them is of our kind. BpfError, Doubled."""
    for _ in range(ATTEMPTS):
        there = chain(ifindex, hook)
        for member in there.members:
            if ifindex != LO and member.link != successor_of and member.is_ours(program.image.name):
                raise doubled(program.image.name, ifindex, hook, member)
        try:
            return links.attach_tcx(program, ifindex, hook, there.revision)
        except BpfError as error:
            if error.errno != errno.ESTALE:
                raise
    return links.attach_tcx(program, ifindex, hook)


def doubled(name: str, ifindex: int, hook: Direction, member: Member) -> Doubled:
    """That our program of this name is at the hook: that of a front's process, or from before the interface was renamed."""
    ours = occupant(ifindex, hook)
    if not ours:
        whose = f"it is not pinned here; stop the process that owns it, or `bpftool link detach id {member.link}`"
    elif ours.role == "front":
        whose = f"the front of {ours.interface} attached it, and one is enough; to detach it: {detaching(ours)}"
    else:
        whose = f"the agent of {ours.interface} attached it; stop it, then {detaching(ours)}"
    return Doubled(f"hardtack's {name} is already on {links.interface_name(ifindex)} ({hook}), {member}: {whose}")


def detaching(folder: Folder) -> str:
    """The command that takes off what is pinned there, and no more."""
    command = "detach --interface" if folder.role == "front" else "agent --detach --interface"
    return f"hardtack {command} {folder.interface}"


def occupant(ifindex: int, hook: Hook) -> Folder | None:
    """Which front or agent of this namespace has a program at this hook."""
    for folder in (*pins.here("front"), *pins.here("agent")):
        for name in folder.links():
            if link := folder.living(name, ifindex, hook):
                link.close()
                return folder
    return None
