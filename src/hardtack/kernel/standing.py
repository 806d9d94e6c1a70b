"""Programs that share tables and go on without the process that started them: adopted by the next one, not started anew.

A start has four steps, and until the last one nothing that is at work has been harmed:

    Standing(...)   tables that last are adopted, all others made; programs loaded: they know these tables and no others
    (the caller fills the tables)
    attach(...)     each program takes the place of the one that is there, atomically, or is attached where there is none
    keep()          what is new is pinned; until then it goes with the process
"""

from __future__ import annotations

import errno
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from hardtack.image import Image, Table
from hardtack.kernel import interfaces, links, maps, pins, programs
from hardtack.kernel.bpf import BpfError
from hardtack.kernel.links import Hook, Link
from hardtack.kernel.maps import Map
from hardtack.kernel.pins import Folder
from hardtack.kernel.programs import Program


@dataclass(frozen=True)
class Place:
    """Where the program of the image `program` is to be, and the name of the link that holds it there."""

    link: str
    program: str
    interface: str
    hook: Hook


class Standing:
    """Images loaded with tables between them. Raises what programs.load does; PinError.

    `lasting`: groups of names of tables; a group is adopted from `folder` if all of it is there, in layout and size.
    `sizes`: entries of tables that differ from the images'. `also`: tables that no program needs. `shared`: tables of
    somebody else, by name. `owner`: whose the tables are, if not the folder's.

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
        except BaseException:
            self.close()
            raise

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
            program, index = self.programs[place.program], interfaces.find(place.interface).index
            link = self.folder.living(place.link, index, place.hook)
            self._interfaces[place.link] = place.interface
            if link:
                self._links[place.link] = self._parts.enter_context(link), False
                link.update(program)
                continue
            link, why = attached(program, index, place.hook)
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


def attached(program: Program, ifindex: int, hook: Hook) -> tuple[Link, str]:
    """A new link, and why it is not to the driver but to the kernel's generic hook, which is slower; else "". BpfError."""
    if hook != "xdp":
        return links.attach_tcx(program, ifindex, hook), ""
    try:
        return links.attach_best(program, ifindex)
    except BpfError as error:
        if error.errno in (errno.EBUSY, errno.EEXIST) and (ours := occupant(ifindex)):
            error.remedy = ours
        raise


def occupant(ifindex: int) -> str:
    """Which front of this namespace has a program on this interface, and how to take it off; "": none."""
    for folder in pins.here("front"):
        for name in folder.links():
            if link := folder.living(name, ifindex, "xdp"):
                link.close()
                return f"the front of {folder.interface} is there: hardtack detach --interface {folder.interface}"
    return ""
