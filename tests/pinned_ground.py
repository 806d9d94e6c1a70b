"""A front's pinned tables made by hand, in a bpffs of the test's own: what status and connections read, without a front."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import numpy as np
from kernel_ground import pin_directory

from hardtack.control import proven
from hardtack.control.connections import places_entry
from hardtack.control.pinned import NAMES, key_of, name_entry
from hardtack.image import ONLY, Table
from hardtack.kernel import maps
from hardtack.kernel.maps import Map
from hardtack.kernel.pins import Folder, this_namespace
from hardtack.packet.entries import clock_entry, keys_entry
from hardtack.packet.layout import (
    BY_COOKIE,
    CLOCK,
    CONNECTIONS,
    COUNTERS,
    KEYS,
    PLACES,
    POLICY,
    TAGS,
    WAYS,
    Connection,
    Policy,
)
from hardtack.packet.proven_tables import LOST_SHIFT, PROVEN, PROVEN_PLACES, PROVEN_TAGS, PROVEN_WAYS, Source
from hardtack.packet.reasons import Reason

AHEAD_NS = 1_000_000_000_000  # the programs' clocks are so far ahead of the machine's: whoever heeds the wrong one is seen
SIZE = 60  # bytes of a frame
SOURCE_BUCKETS = 3  # of sources
BUCKETS = 12  # room for 64 connections, half as much again in places


class Ground:
    """The tables of one front, `hosts` by number from 1."""

    def __init__(self, folder: Folder, hosts: Iterable[str]) -> None:
        self.folder = folder
        self.hosts = list(hosts)
        self.tables: dict[str, Map] = {}
        self._open = ExitStack()
        folder.make()
        for table, entries in (
            (NAMES, 2 + len(self.hosts)),  # one number is nobody's any more
            (COUNTERS, max(16, 2 + len(self.hosts))),
            (TAGS, BUCKETS),
            (CONNECTIONS, BUCKETS * WAYS),
            (KEYS, KEYS.entries),
            *((table, 1) for table in (CLOCK, POLICY, PLACES)),
        ):
            self.add(replace(table, entries=entries))
        for number, name in enumerate(self.hosts, 1):
            self.tables["names"].update(key_of(number), name_entry(name))
        self.tables["places"].update(ONLY, places_entry(BUCKETS))
        self.tables["clock"].update(ONLY, clock_entry(time.time_ns() - time.monotonic_ns(), AHEAD_NS))

    def add(self, table: Table, owner: str = "") -> Map:
        """Make a table and pin it."""
        made = self.tables[owner + table.name] = self._open.enter_context(maps.create(table))
        self.folder.pin_tables([made], owner)
        return made

    def count(self, number: int, reason: Reason, frames: int, owner: str = "") -> None:
        """So many frames more, on each CPU."""
        counters, key = self.tables[f"{owner}counters"], key_of(number)
        entry = np.frombuffer(bytearray(counters.lookup_all(key)[0]), "u8")
        entry[2 * reason] += frames
        entry[2 * reason + 1] += frames * SIZE
        counters.update(key, entry.tobytes())

    def keys(self, *schedules: Iterable[tuple[int, bytes]], old: Iterable[tuple[int, bytes]] = ()) -> None:
        """Write sets of keys; `old`: what the first one has besides."""
        for number, schedule in enumerate(schedules):
            self.tables["keys"].update(key_of(number), keys_entry(schedule, () if number else old))

    def grace(self, until: float) -> None:
        """Until when the door stands open, by the programs' clock."""
        policy = np.zeros(1, Policy)
        policy["grace_until"] = round(until * 1000)
        self.tables["policy"].update(ONLY, policy.tobytes())

    def now(self) -> float:
        """Monotonic time by the programs' clock."""
        return (time.monotonic_ns() + AHEAD_NS) / 1e9

    def connect(
        self,
        place: int,
        client: tuple[str, int],
        host: tuple[str, int],
        number: int = 1,
        *,
        age: float = 0,
        idle: float = 0,
        state: int = 0,
        origin: int = BY_COOKIE,
    ) -> None:
        """Put a connection in this place of the table. Times in seconds."""
        entry = np.zeros(1, Connection)
        entry["source_high"], entry["source_low"] = words(client[0])
        entry["destination_high"], entry["destination_low"] = words(host[0])
        entry["ports"] = np.frombuffer(struct.pack(">HH", client[1], host[1]), "u4")
        entry["seen"], entry["begun"] = (round((self.now() - ago) * 1000) & 0xFFFFFFFF for ago in (idle, age))
        entry["host"], entry["state"], entry["origin"] = number, state, origin
        self.tables["connections"].update(struct.pack("=I", place), entry.tobytes())
        tags = np.frombuffer(self.tables["tags"].memory(), "u1")
        tags[place] = 1 + place % 255

    def prove(
        self, place: int, address: str, *, idle: int = 0, allowance: int = 0, lost: int = 0, half_open: int = 0
    ) -> None:
        """Put a proven source in this place of their table. `idle` in periods of 2.048 s; `half_open`: since then."""
        if PROVEN.name not in self.tables:
            places = SOURCE_BUCKETS * PROVEN_WAYS
            for table, entries in ((PROVEN_PLACES, 1), (PROVEN_TAGS, SOURCE_BUCKETS), (PROVEN, places)):
                self.add(replace(table, entries=entries))
            self.tables[PROVEN_PLACES.name].update(ONLY, proven.places_entry(SOURCE_BUCKETS))
        entry = np.zeros(1, Source)
        entry["high"], entry["low"] = words(address)
        entry["used"] = (proven.period_of(int(self.now() * 1000)) - idle) & 0xFFFF
        entry["earned"], entry["pending"] = allowance | lost << LOST_SHIFT, half_open
        self.tables[PROVEN.name].update(struct.pack("=I", place), entry.tobytes())
        np.frombuffer(self.tables[PROVEN_TAGS.name].memory(), "u1")[place] = 1 + place % 255

    def close(self) -> None:
        """Let go of the tables, and of their names."""
        self._open.close()
        self.folder.remove()


def words(address: str) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """An address as Connection has it."""
    packed = ip_address(address).packed
    return np.frombuffer(packed if len(packed) == 16 else bytes(10) + b"\xff\xff" + packed, "u8")


@contextmanager
def pinned_root(parent: Path) -> Iterator[Path]:
    """Where a test's folders of pins may be."""
    with pin_directory(parent) as mounted:
        yield mounted / "hardtack"


@contextmanager
def front(root: Path, interface: str = "lo", hosts: Iterable[str] = ("web", "mail")) -> Iterator[Ground]:
    """The tables of a front on an interface of this namespace; nothing is attached."""
    made = Ground(Folder("front", interface, this_namespace(), root), hosts)
    try:
        yield made
    finally:
        made.close()
