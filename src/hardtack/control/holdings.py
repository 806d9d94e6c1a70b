"""What the tables of connections and of proven sources hold: for `hardtack status`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hardtack.control import listing, proven, proven_listing
from hardtack.control.connections import ROOM
from hardtack.control.pinned import Tables
from hardtack.image import ONLY
from hardtack.kernel.maps import Map
from hardtack.packet.layout import CONNECTIONS, EVICTED, PLACES, SEARCH, TAGS, WAYS
from hardtack.packet.proven_tables import PROVEN, PROVEN_PLACES, PROVEN_TAGS, PROVEN_WAYS
from hardtack.packet.records import Search


@dataclass(frozen=True)
class Connections:
    """The connection table. Memory is in bytes, as the kernel counts it; `memory_each` for each that there is room for.

    `evicted`: how many so far, by why they and not others.
    """

    count: int
    origins: dict[listing.Origin, int]
    states: dict[listing.State, int]
    capacity: int
    memory: int
    memory_each: float
    evicted: dict[str, int]


@dataclass(frozen=True)
class ProvenSources:
    """The table of proven sources. `waiting`: those that are not challenged for a while. Memory as of connections."""

    count: int
    waiting: int
    capacity: int
    memory: int
    memory_each: float


def connections(tables: Tables) -> Connections | None:
    """What the connection table holds."""
    table = tables.connections()
    if table is None:
        return None
    rows, capacity = table.live(), table.buckets * WAYS * ROOM[1] // ROOM[0]
    origins, states = listing.count(rows)
    memory = sum(memory_of(part) for kind in (PLACES, TAGS, CONNECTIONS) if (part := tables.get(kind)))
    return Connections(len(rows), origins, states, capacity, memory, round(memory / capacity, 1), evicted(tables))


def sources(tables: Tables) -> ProvenSources | None:
    """What the table of proven sources holds."""
    table = tables.sources()
    if table is None:
        return None
    known, waiting = proven_listing.count(table.live(), proven.period_of(tables.now()))
    capacity = table.buckets * PROVEN_WAYS * proven.ROOM[1] // proven.ROOM[0]
    memory = sum(memory_of(part) for kind in (PROVEN_PLACES, PROVEN_TAGS, PROVEN) if (part := tables.get(kind)))
    return ProvenSources(known, waiting, capacity, memory, round(memory / capacity, 1))


def evicted(tables: Tables) -> dict[str, int]:
    """Connections by EVICTED, all CPUs together; nothing without the table. BpfError."""
    table = tables.get(SEARCH)
    if table is None:
        return {}
    counts = np.frombuffer(b"".join(table.lookup_all(ONLY)), Search)["evicted"].sum(0)
    return dict(zip(EVICTED, counts.tolist(), strict=True))


def memory_of(table: Map) -> int:
    """What the kernel says that a table takes, in bytes: proc_pid_fdinfo(5)."""
    for line in Path(f"/proc/self/fdinfo/{table.fd}").read_text(encoding="ascii").splitlines():
        name, _, value = line.partition(":")
        if name == "memlock":
            return int(value)
    return table.table.entries * table.table.value_size
