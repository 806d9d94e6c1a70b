"""A tap put on a running front: frames with verdict and reason, through a ring buffer. It needs no process of the front's.

Off when it is closed, and by itself LEASE seconds after whoever had it was killed.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from hardtack.control.pinned import NotWhole, Tables, key_of
from hardtack.engines.tap_program import HEADER, Wish, tap_program
from hardtack.image import ONLY, ProgramKind, Table
from hardtack.kernel import generic, programs
from hardtack.kernel.maps import Map
from hardtack.kernel.pins import Folder
from hardtack.kernel.ringbuf import RingBuffer
from hardtack.mistake import Mistake
from hardtack.packet.tap_tables import MOST_TAPS, TAP_PROGRAMS, TAP_PROGRAMS_IP, TAPPED, TAPS, Tapped, Taps

LEASE = 3.0  # s
COARSE = 6  # CLOCK_MONOTONIC_COARSE: what the packet program compares with
BUFFER = 8 << 20  # bytes
ABOUT = struct.Struct("=QqIIIHHIHH")  # what comes before a frame: see Tapped
WAYS: tuple[tuple[Table, ProgramKind], ...] = (
    *((TAP_PROGRAMS, "xdp"), (generic.plain(TAP_PROGRAMS), "xdp"), (TAP_PROGRAMS_IP, "tcx")),
)

Wishes = Callable[[ProgramKind], Wish]  # an expression is another one where frames begin with IP


class AllTaken(Mistake):
    """So many watch already that there is no room for one more."""

    status = 1


@dataclass(frozen=True)
class Sample:
    """A frame as it came. `when`: monotonic ns; `action`: enum xdp_action, or tcx_action_base; `length`: in bytes, on the
    wire; `tcx`: 1 if the program is there, else it is at XDP; `host`: Host.number, 0: nobody's.

    `begin`: where its IP header lies, if it has no Ethernet header.
    """

    when: int
    action: int
    length: int
    interface: int
    cpu: int
    tcx: int
    host: int
    reason: int
    begin: int
    frame: bytes


@dataclass(frozen=True)
class Fate:
    """Of the frames that a tap has wanted: `taken` into its buffer, `lost` as that was full, `over` its budget."""

    taken: int
    lost: int
    over: int


class Tap:
    """On the front of this folder. `every`: one frame of so many; what of them, the wishes say. AllTaken, NotWhole."""

    def __init__(self, folder: Folder, wishes: Wishes, every: int = 1, buffer: int = BUFFER) -> None:
        self._folder, self._wishes, self._every = folder, wishes, every
        self._ring = RingBuffer(buffer)
        self._at = ExitStack()
        self._number = -1
        self._installed: tuple[int, ...] = ()
        self._before = Fate(0, 0, 0)
        self._lost_before = Fate(0, 0, 0)  # of tables that a restart has replaced
        try:
            self.renew()
        except BaseException:
            self.close()
            raise

    def renew(self) -> None:
        """To be called every second: it goes on for LEASE, and on the tables of a front that was started again meanwhile."""
        there = tuple(sorted(path.stat().st_ino for paths in self._tables().values() for path in paths))
        if there != self._installed:
            self._put_on()
            self._installed = there
        self._taps["taps"]["until"][0, self._number] = clock() + int(LEASE * 1e9)

    def samples(self) -> Iterator[Sample]:
        """Those that have come since."""
        for record in self._ring.records():
            when, action, length, captured, interface, cpu, tcx, host, reason, begin = ABOUT.unpack_from(record)
            frame = record[HEADER : HEADER + captured]
            yield Sample(when, action, length, interface, cpu, tcx, host, reason, begin, frame)

    def fate(self) -> Fate:
        """What has become of the frames so far."""
        now, gone = self._counted(), self._lost_before
        before = self._before
        return Fate(
            gone.taken + now.taken - before.taken, gone.lost + now.lost - before.lost, gone.over + now.over - before.over
        )

    def close(self) -> None:
        """Off."""
        if self._number >= 0:
            with locked(self._folder):
                self._taps["taps"]["until"][0, self._number] = 0
                self._announce()
                for table in self._programs:
                    table.delete(key_of(self._number))
            self._number = -1
        self._at.close()
        self._ring.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _tables(self) -> dict[str, list[Path]]:
        names = {TAPS.name, TAPPED.name, *(table.name for table, _ in WAYS)}
        return {name: list(paths) for name, paths in self._folder.tables().items() if name in names}

    def _put_on(self) -> None:
        """At a free place of the tables as they are now."""
        with ExitStack() as parts:
            tables = parts.enter_context(Tables(self._folder))
            taps, tapped = tables.get(TAPS), tables.get(TAPPED)
            ways = [(found, kind) for table, kind in WAYS if (found := tables.get(table))]
            if not taps or not tapped or not ways:
                raise NotWhole(f"{self._folder.interface}: the front is of another version, or just starting: ask again")
            if self._number >= 0:
                self._lost_before = self.fate()
            self._taps, self._tapped = np.frombuffer(taps.memory(), Taps, 1), tapped
            self._programs = [table for table, _ in ways]
            with locked(self._folder):
                self._number = free(self._taps)
                for table, kind in ways:
                    self._load(table, kind)
                self._before = self._counted()
                self._taps["taps"]["every"][0, self._number] = self._every
                self._taps["taps"]["until"][0, self._number] = clock() + int(LEASE * 1e9)
                self._announce()
            self._at.close()
            self._at = parts.pop_all()

    def _load(self, table: Map, kind: ProgramKind) -> None:
        image = tap_program(self._wishes(kind), self._number, table.table, self._ring.table, kind)
        tables = {TAPPED.name: self._tapped, table.table.name: table, self._ring.table.name: self._ring.map}
        if table.table.name == generic.plain(TAP_PROGRAMS).name:
            image = generic.of_one_buffer(image)
        with programs.load(image, tables) as program:
            table.update(key_of(self._number), struct.pack("=I", program.fd))

    def _announce(self) -> None:
        """That a tap has changed; or that nobody watches any more."""
        anyone = (self._taps["taps"]["until"][0] > clock()).any()
        self._taps["on"][0] = secrets.randbits(63) | 1 if anyone else 0

    def _counted(self) -> Fate:
        entries = np.frombuffer(b"".join(self._tapped.lookup_all(ONLY)), Tapped)["taps"][:, self._number]
        return Fate(*(int(entries[name].sum()) for name in ("taken", "lost", "over")))


class Ended:
    """What the front's process does about taps whose owners were killed: their programs and ring buffers go."""

    def __init__(self, tables: Mapping[str, Map]) -> None:
        self._taps = np.frombuffer(tables[TAPS.name].memory(), Taps, 1)
        self._programs = [tables[table.name] for table, _ in WAYS if table.name in tables]

    def write(self) -> None:
        """Look."""
        if self._taps["on"][0] and not (self._taps["taps"]["until"][0] > clock()).any():
            self._taps["on"][0] = 0
            for table in self._programs:
                for number in range(MOST_TAPS):
                    table.delete(key_of(number))


def clock() -> int:
    """What the packet program compares with, in ns."""
    return time.clock_gettime_ns(COARSE)


def free(taps: npt.NDArray[np.void]) -> int:
    """A place that nobody has. AllTaken."""
    ended = np.flatnonzero(taps["taps"]["until"][0] <= clock())
    if not len(ended):
        raise AllTaken(f"{MOST_TAPS} captures or live views watch this front already: end one of them")
    return int(ended[0])


@contextmanager
def locked(folder: Folder) -> Iterator[None]:
    """Nobody else changes taps of this front meanwhile."""
    fd = os.open(folder.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
