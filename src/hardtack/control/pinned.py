"""The pinned tables of one front or agent, opened once each, to be read."""

from __future__ import annotations

import struct
import time
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from hardtack.control.connections import ConnectionTable
from hardtack.control.proven import SourceTable
from hardtack.image import ONLY, Table
from hardtack.kernel import batches, bpf, pins
from hardtack.kernel.maps import Map
from hardtack.kernel.pins import Folder
from hardtack.mistake import Mistake
from hardtack.packet.layout import CLOCK, CONNECTIONS, PLACES, TAGS, WAYS, Clock, Places
from hardtack.packet.proven_tables import PROVEN, PROVEN_PLACES, PROVEN_TAGS, PROVEN_WAYS, SourcePlaces

# The hosts' names by Host.number, in UTF-8 behind which zeroes are: programs know numbers only. Entry 0 is nobody's. The
# last byte is 1 if the host is no more, and only keeps its number. There are as many as it is made for.
NAMES = Table("names", "array", 4, 64, 2, layout="name, gone")


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
            self._found[name] = self._open.enter_context(found)
            return found
        if name in self._folder.tables():
            raise AnotherVersion(
                f"{self._folder.interface}: the table {table.name} is another version's; ask with that version's "
                "hardtack, or start the front again with this one"
            )
        return None

    def hosts(self) -> list[str]:
        """The hosts' names: that of Host.number 1 first, "" where it is nobody's. None where another version wrote them."""
        return [name_in(entry) for entry in self._names]

    def gone(self) -> set[str]:
        """The names of those that are no more."""
        return {name_in(entry) for entry in self._names if entry[-1]}

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
            f"{self._folder.interface}: the parts of {what} do not belong together: a front is just starting, then ask "
            "again; or somebody has removed some, then start the front again"
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


def values_of(table: Map) -> list[bytes]:
    """Every entry of an array."""
    size = table.table.value_size
    return [some[place : place + size] for _, some in batches.entries(table) for place in range(0, len(some), size)]


def name_entry(name: str, at_work: bool = True) -> bytes:
    """An entry of `names`."""
    return name.encode().ljust(NAMES.value_size - 1, b"\0") + bytes([not at_work])


def name_in(entry: bytes) -> str:
    """The name in an entry of `names`; "" is nobody's."""
    return entry[:-1].rstrip(b"\0").decode("utf-8", "replace")


def key_of(number: int) -> bytes:
    """The key of an entry, by number."""
    return struct.pack("=I", number)


def at(role: pins.Role, interface: str | None, root: Path = pins.ROOT) -> list[Folder]:
    """What is pinned in this network namespace, or for one interface of it. NothingHere if it is not root who asks."""
    if not bpf.privileged():
        raise NothingHere(f"only root may look into hardtack's tables: {bpf.PRIVILEGES}")
    return pins.here(role, root) if interface is None else pins.on([interface], role, root)


def nothing(interface: str | None, root: Path = pins.ROOT) -> NothingHere:
    """What to say where nothing is found."""
    others = ", ".join(name for folder in pins.here("front", root) for name in folder.interfaces)
    if interface and others:
        return NothingHere(f"no front is attached to {interface}; there is one on {others}")
    if agents := ", ".join(name for folder in pins.here("agent", root) for name in folder.interfaces):
        return NothingHere(f"there is no front here, only an agent on {agents}: look with hardtack status")
    where = f"to {interface}" if interface else "in this network namespace"
    return NothingHere(f"no front is attached {where}; start one with: hardtack front /etc/hardtack/hardtack.toml")
