"""The pinned tables of one front or agent, opened once each, to be read."""

from __future__ import annotations

import struct
import time
from collections.abc import Collection
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from hardtack.control.connections import ConnectionTable
from hardtack.control.names import NAMES as NAMES
from hardtack.control.names import name_entry as name_entry
from hardtack.control.names import name_in as name_in
from hardtack.control.names import values_of as values_of
from hardtack.control.proven import SourceTable
from hardtack.control.workers import where, with_workers
from hardtack.image import ONLY, Table
from hardtack.kernel import bpf, pins
from hardtack.kernel.maps import Map
from hardtack.kernel.pins import Folder
from hardtack.mistake import Mistake
from hardtack.packet.layout import CLOCK, CONNECTIONS, PLACES, TAGS, WAYS, Clock, Places
from hardtack.packet.proven_tables import PROVEN, PROVEN_PLACES, PROVEN_TAGS, PROVEN_WAYS, SourcePlaces

Interfaces = str | Collection[str] | None  # those that are meant: one, some; none: all


class NothingHere(Mistake):
    """No front is attached in this network namespace, or on the interface that was asked for."""

    status = 1


class AnotherVersion(Mistake):
    """What is pinned was made by a version of hardtack whose records are not ours."""

    status = 1


class NotWhole(Mistake):
    """Some of what is pinned is missing, or of another front than the rest."""

    status = 1


class Tables:
    """The tables; they stay open until this is closed."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._open = ExitStack()
        self._found: dict[str, Map] = {}

    def get(self, table: Table, owner: str = "") -> Map | None:
        """The table, with as many entries as it was made with; None if there is none. BpfError, AnotherVersion."""
        name = f"{owner}{table.name}"
        if name in self._found:
            return self._found[name]
        if found := self._folder.open(table, owner):
            self._open.enter_context(found)
            theirs = where(table) if not owner else None
            self._found[name] = with_workers(found, self.get(theirs)) if theirs else found
            return self._found[name]
        if name in self._folder.tables():
            raise AnotherVersion(
                f"{self._folder.interface}: the table {table.name} was created by another version; use that "
                "version's hardtack, or restart the front with this one"
            )
        return None

    def hosts(self) -> list[str]:
        """The hosts' names: that of Host.number 1 first, "" where it is nobody's. None where another version wrote them."""
        return [name_in(entry) for entry in self.entries_of_names()]

    def gone(self) -> set[str]:
        """The names of those that are no more."""
        return {name_in(entry) for entry in self.entries_of_names() if entry[-1]}

    def entries_of_names(self) -> list[bytes]:
        """The table of names, without entry 0."""
        return self._names

    @cached_property
    def _names(self) -> list[bytes]:
        names = self._folder.open(NAMES)
        if names is None:
            return []
        with names:
            return values_of(names)[1:]

    def sources(self) -> SourceTable | None:
        """The table of proven sources, likewise. NotWhole."""
        places, tags, sources = parts = [self.get(table) for table in (PROVEN_PLACES, PROVEN_TAGS, PROVEN)]
        if not any(parts):
            return None
        entry = places.lookup(ONLY) if places else None
        buckets = int(np.frombuffer(entry, SourcePlaces)["buckets"][0]) if entry else 0
        if not (tags and sources and (buckets, buckets * PROVEN_WAYS) == (tags.table.entries, sources.table.entries)):
            raise self._not_whole("the table of proven sources")
        return SourceTable(entry or b"", tags.memory(), sources.memory())

    def connections(self) -> ConnectionTable | None:
        """The connection table; None if it is not there. Its memory goes when nobody looks at it any more. NotWhole."""
        places, tags, entries = parts = [self.get(table) for table in (PLACES, TAGS, CONNECTIONS)]
        if not any(parts):
            return None
        entry = places.lookup(ONLY) if places else None
        buckets = int(np.frombuffer(entry, Places)["buckets"][0]) if entry else 0
        if not (tags and entries and (buckets, buckets * WAYS) == (tags.table.entries, entries.table.entries)):
            raise self._not_whole("the connection table")
        return ConnectionTable(entry or b"", tags.memory(), entries.memory())

    def _not_whole(self, what: str) -> NotWhole:
        return NotWhole(
            f"{self._folder.interface}: the parts of {what} do not belong together: if a front is just starting, "
            "try again; if some were removed, restart the front"
        )

    def now(self) -> int:
        """Monotonic time in ms as the programs have it: that of all stamps, and of the grace period's end."""
        clock = self.get(CLOCK)
        entry = clock.lookup(ONLY) if clock else None
        still = int(np.frombuffer(entry, Clock)["still_ns"][0]) if entry else 0
        return (time.monotonic_ns() + still) % (1 << 64) // 1_000_000

    def close(self) -> None:
        """Let go of them."""
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def key_of(number: int) -> bytes:
    """The key of an entry, by number."""
    return struct.pack("=I", number)


def at(role: pins.Role, interface: Interfaces, root: Path = pins.ROOT) -> list[Folder]:
    """What is pinned in this network namespace, or for some interfaces of it. NothingHere if it is not root who asks."""
    if not bpf.privileged():
        raise NothingHere(f"only root may read hardtack's tables: {bpf.PRIVILEGES}")
    names = named(interface)
    return pins.on(names, role, root) if names else pins.here(role, root)


def named(interface: Interfaces) -> list[str]:
    """The names of those that are meant; none: all."""
    return [interface] if isinstance(interface, str) else [*(interface or ())]


def fronts(interface: Interfaces, root: Path = pins.ROOT) -> list[Folder]:
    """All of this network namespace, or those of each of these interfaces. NothingHere."""
    for name in named(interface) or (None,):
        if not at("front", name, root):
            raise nothing(name, root)
    return at("front", interface, root)


def all_of(interface: Interfaces, root: Path = pins.ROOT) -> list[Folder]:
    """The same of fronts and agents, fronts first. NothingHere."""
    for name in named(interface) or (None,):
        if not at("front", name, root) and not at("agent", name, root):
            raise nothing(name, root, also="agent")
    return [*at("front", interface, root), *at("agent", interface, root)]


def nothing(interface: str | None, root: Path = pins.ROOT, also: str = "") -> NothingHere:
    """What to say where no front is found; `also`: no agent, either."""
    fronts, agents = (
        ", ".join(name for folder in pins.here(role, root) for name in folder.interfaces) for role in ("front", "agent")
    )
    who = "no front and no agent" if also else "no front"
    if interface and (fronts or agents):
        there = [f"there is {role} on {names}" for role, names in (("one", fronts), ("an agent", agents)) if names]
        return NothingHere(f"{who} is attached to {interface}; {', and '.join(there)}")
    where = f"to {interface}" if interface else "in this network namespace"
    if agents:
        return NothingHere(f"{who} is attached {where}, only an agent on {agents}: see hardtack status")
    start = "start one with: hardtack front /etc/hardtack/hardtack.toml"
    on_host = "; on a protected host: hardtack agent --interface IF --key FILE" if also else ""
    return NothingHere(f"{who} is attached {where}; {start}{on_host}")
