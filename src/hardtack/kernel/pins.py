"""What is at work without a process: tables and links by name, in a folder of a bpffs for each front and agent.

    /sys/fs/bpf/hardtack/front-4026531833-eth0/     whose it is, the inode of the network namespace, an interface
        connections-1f3a99c0                        a table, and a hash of its layout: another version's has another name
        link-front-eth0                             what holds a program to an interface

A front may be on several interfaces. Its folder is named by one of them, and found by any.

New tables take the places of old ones all at once, whenever the process that pins them is killed. They are pinned in a
folder `draft`, which counts for nothing. Once all are there it is renamed `whole`: from then on what is in it counts, before
what is where it belongs. Then each is put where it belongs. Who comes next finishes that.

Only root looks in. A bpffs takes no dots in names: those of an interface (eth0.100) are written as colons, which no
interface has.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from hardtack.image import Table
from hardtack.kernel import bpffs, links, maps
from hardtack.kernel.bpf import BpfError
from hardtack.kernel.links import Hook, Link
from hardtack.kernel.maps import Map
from hardtack.mistake import Mistake

ROOT = bpffs.USUAL / "hardtack"
FORM = re.compile(r"(?P<role>front|agent)-(?P<namespace>\d+)-(?P<interface>.+)")
TABLE = re.compile(r"(?P<name>.+)-(?P<layout>[0-9a-f]{8})")
LINK = "link-"
DRAFT, WHOLE = "draft", "whole"  # folders of tables that are not yet where they belong

Role = Literal["front", "agent"]


class PinError(Mistake):
    """Nothing can be pinned here."""

    status = 1


@dataclass(frozen=True)
class Folder:
    """A front's or an agent's. `namespace` is the inode of the network namespace that the interface is in."""

    role: Role
    interface: str
    namespace: int
    root: Path = ROOT

    @property
    def path(self) -> Path:
        """Where it is, if it is there."""
        return self.root / f"{self.role}-{self.namespace}-{self.interface.replace('.', ':')}"

    @property
    def interfaces(self) -> tuple[str, ...]:
        """All that it is on: that which it is named by first, then a front's others."""
        links = map(parted, self.links()) if self.role == "front" else ()
        return tuple(dict.fromkeys([self.interface, *(interface for program, interface in links if program == "front")]))

    def renamed(self, interface: str) -> Folder:
        """The same, named by another interface from now on. OSError: there is one of this name."""
        other = replace(self, interface=interface)
        self.path.rename(other.path)
        return other

    def make(self) -> None:
        """Have it there, empty if it was not. PinError."""
        try:
            bpffs.ensure(self.root.parent)
            for path in (self.root, self.path):
                path.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise PinError(
                f"{self.path}: cannot create this folder: {error.strerror}; protection that outlives its process needs a "
                f"bpffs at {self.root.parent} that this user may write to: mount -t bpf bpf {self.root.parent}"
            ) from error

    def table_path(self, table: Table, owner: str = "") -> Path:
        """Where `table` is pinned; one that only `owner` uses has his name before its own."""
        return self.path / f"{owner}{table.name}-{layout_of(table)}"

    def open(self, table: Table, owner: str = "") -> Map | None:
        """The table of this name and layout that is pinned, whatever its number of entries; None if there is none."""
        place = self.table_path(table, owner)
        for path in (self.path / WHOLE / place.name, place):
            try:
                return maps.adopt(path, table)
            except BpfError as error:
                if error.errno != errno.ENOENT:
                    raise
        return None

    def as_large(self, table: Table) -> Table:
        """`table`, an array of one entry, with as many bytes in it as the one of its name that is pinned, if one is."""
        for path in self.tables().get(table.name, ()):
            with suppress(BpfError):  # it goes, or is on its way to its place
                return maps.sized(table, {table.name: maps.value_size(path)})
        return table

    def tables(self) -> dict[str, list[Path]]:
        """Where tables are pinned, or will be, by name: one of each, unless a change of version was cut short."""
        found: dict[str, list[Path]] = {}
        for name in sorted({path.name for path in (*entries(self.path), *entries(self.path / WHOLE))}):
            if not name.startswith(LINK) and (match := TABLE.fullmatch(name)):
                found.setdefault(match["name"], []).append(self.path / name)
        return found

    def links(self) -> dict[str, Path]:
        """The links that are pinned, by name."""
        paths = [path for path in entries(self.path) if path.name.startswith(LINK)]
        return {path.name.removeprefix(LINK).replace(":", "."): path for path in paths}

    def link_path(self, name: str) -> Path:
        """Where the link of this name is pinned; an interface in it is written as in the folder's own name."""
        return self.path / f"{LINK}{name.replace('.', ':')}"

    def living(self, name: str, ifindex: int, hook: Hook) -> Link | None:
        """The pinned link of this name, if it does hold a program to this place."""
        try:
            link = links.adopt(self.link_path(name))
        except BpfError as error:
            if error.errno == errno.ENOENT:
                return None
            raise
        if link.is_on(ifindex, hook):
            return link
        link.close()
        return None

    def pin_link(self, name: str, link: Link) -> None:
        """Pin it, in the place of a dead one of this name."""
        self.remove_link(self.link_path(name))
        link.pin(self.link_path(name))

    def pin_tables(self, tables: Iterable[Map], owner: str = "") -> None:
        """Pin them, all at once in the places of others of their names and layouts. BpfError: none of them is."""
        self.finish()
        draft = self.path / DRAFT
        try:
            draft.mkdir(mode=0o700)
            for table in tables:
                table.pin(draft / self.table_path(table.table, owner).name)
            draft.rename(self.path / WHOLE)
        except BaseException:
            clear(draft)
            raise
        self.finish()

    def finish(self) -> None:
        """Do the rest of what `pin_tables` was to do, when it was cut short."""
        clear(self.path / DRAFT)
        for path in entries(self.path / WHOLE):
            path.replace(self.path / path.name)
        clear(self.path / WHOLE)

    def keep(self, tables: Collection[Path], names: Collection[str]) -> list[str]:
        """Remove whatever is not among these tables and links' names, links first; the names of the links removed."""
        self.finish()
        unwanted = {name: path for name, path in self.links().items() if name not in names}
        for name in sorted(unwanted, key=lambda name: parted(name)[0] != "front"):  # whoever makes cookies goes first
            self.remove_link(unwanted[name])
        for path in entries(self.path):
            if not path.name.startswith(LINK) and path not in tables:
                path.unlink(missing_ok=True)
        return sorted(unwanted)

    def remove(self) -> list[str]:
        """All of it: programs come off, then tables go, then the folder. The names of what it held."""
        self.finish()
        held = [path.name for path in entries(self.path)]
        self.keep((), ())
        with suppress(FileNotFoundError):
            self.path.rmdir()
        return held

    def remove_link(self, path: Path) -> None:
        """Take its program off, then its name away. Unlinking alone would do so, but at a time of the kernel's choosing."""
        with suppress(BpfError), links.adopt(path) as link:  # ENOENT: nothing is there; ENOLINK: the interface has gone
            link.detach()
        path.unlink(missing_ok=True)


def entries(folder: Path) -> list[Path]:
    """What is in it; nothing if it is not there."""
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []


def clear(folder: Path) -> None:
    """Remove it with the pins in it, if it is there."""
    for path in entries(folder):
        path.unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        folder.rmdir()


def link_name(program: str, interface: str) -> str:
    """Of what holds a program to an interface."""
    return f"{program}-{interface}"


def parted(link: str) -> tuple[str, str]:
    """The program and the interface in a link's name."""
    program, _, interface = link.partition("-")
    return program, interface


def layout_of(table: Table) -> str:
    """8 hex digits of all that two tables must have in common but the number of entries."""
    text = repr((table.kind, table.key_size, table.value_size, table.flags, table.layout))
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def this_namespace() -> int:
    """The inode of the network namespace of this thread."""
    return os.stat("/proc/thread-self/ns/net").st_ino  # noqa: PTH116 - the kernel itself must follow this link


def folder(role: Role, interface: str, root: Path = ROOT) -> Folder:
    """Of an interface of this thread's network namespace, whether or not it is there."""
    return Folder(role, interface, this_namespace(), root)


def folders(root: Path = ROOT) -> list[Folder]:
    """All that are there, of every namespace."""
    found = []
    for path in sorted(root.iterdir()) if root.is_dir() else ():
        if match := FORM.fullmatch(path.name):
            role: Role = "front" if match["role"] == "front" else "agent"
            found.append(Folder(role, match["interface"].replace(":", "."), int(match["namespace"]), root))
    return found


def here(role: Role, root: Path = ROOT) -> list[Folder]:
    """Those of interfaces of this thread's network namespace."""
    return [one for one in folders(root) if (one.role, one.namespace) == (role, this_namespace())]


def on(interfaces: Collection[str], role: Role, root: Path = ROOT) -> list[Folder]:
    """Those of them that are on any of these interfaces."""
    return [one for one in here(role, root) if not set(interfaces).isdisjoint(one.interfaces)]
