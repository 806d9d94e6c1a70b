"""`hardtack seed`: names of connections, brought into the tables that fronts have pinned. No process of theirs is asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from hardtack.control.pinned import NotWhole, Tables
from hardtack.control.seeding import NAME, Planted, seeder
from hardtack.engines import xdp
from hardtack.kernel.maps import Map
from hardtack.kernel.pins import Folder
from hardtack.mistake import Mistake
from hardtack.packet.layout import NETWORKS
from hardtack.packet.programs import SEEDER

MOST = 1 << 22  # names that are held at a time: 151 MB


class TooMany(Mistake):
    """More than are held at a time."""


@dataclass(frozen=True)
class Fed:
    """What became of all names in a front's table."""

    interface: str
    planted: Planted


def held(names: Iterable[bytes]) -> bytes:
    """All of them, so that a mistake in the last one keeps the first from being fed. TooMany."""
    names = iter(names)
    found = bytearray().join(islice(names, MOST))
    if any(True for _ in names):
        raise TooMany(f"more than {MOST:,} connections: import them in parts")
    return bytes(found)


def feed(folders: Iterable[Folder], names: bytes) -> Iterator[Fed]:
    """Each of these fronts. AnotherVersion, NotWhole, VerifierRefusal, BpfError."""
    for folder in folders:
        with Tables(folder) as tables, seeder(xdp.seeder(), opened(folder, tables)) as planter:
            each = (names[place : place + NAME] for place in range(0, len(names), NAME))
            yield Fed(folder.interface, planter.plant(each, tables.now()))


def opened(folder: Folder, tables: Tables) -> dict[str, Map]:
    """The tables that the program takes. NotWhole."""
    found = {}
    for table in SEEDER.tables:
        one = tables.get(folder.as_large(table) if table is NETWORKS else table)
        if one is None:
            raise NotWhole(f"{folder.interface}: the table {table.name} is not pinned; restart the front")
        found[table.name] = one
    return found
