"""A tap put on a running front: frames with verdict and reason, through a ring buffer.

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
OWN = 0  # the place of the front's process; the others are for whoever comes
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
    """On the tables of a front. `every`: one frame of so many; which of them, the wishes say. BpfError.

    Nothing comes before `extend` is called for the first time, and LEASE after the last.
    """

    def __init__(self, tables: Mapping[str, Map], number: int, wishes: Wishes, every: int, ring: RingBuffer) -> None:
        self.number, self._ring = number, ring
        self._taps, self._tapped = np.frombuffer(tables[TAPS.name].memory(), Taps, 1), tables[TAPPED.name]
        self._programs = [tables[table.name] for table, _ in WAYS if table.name in tables]
        for table, kind in WAYS:
            if table.name in tables:
                self._load(tables[table.name], kind, wishes(kind))
        self._taps["taps"]["every"][0, number] = every
        self._before = self._counted()

    def extend(self, seconds: float = LEASE) -> None:
        """It goes on for so long from now."""
        until = self._taps["taps"]["until"]
        begins = until[0, self.number] <= clock()
        until[0, self.number] = clock() + int(seconds * 1e9)
        if begins:
            self._announce()

    def thin(self, every: int) -> None:
        """From now on one frame of so many."""
        self._taps["taps"]["every"][0, self.number] = every
        self._announce()

    def pause(self) -> None:
        """Nothing comes any more, until it is extended."""
        self._taps["taps"]["until"][0, self.number] = 0
        self._announce()

    def samples(self) -> Iterator[Sample]:
        """Those that have come since."""
        for record in self._ring.records():
            when, action, length, captured, interface, cpu, tcx, host, reason, begin = ABOUT.unpack_from(record)
            frame = record[HEADER : HEADER + captured]
            yield Sample(when, action, length, interface, cpu, tcx, host, reason, begin, frame)

    def fate(self) -> Fate:
        """What has become of the frames so far."""
        now, before = self._counted(), self._before
        return Fate(now.taken - before.taken, now.lost - before.lost, now.over - before.over)

    def remove(self) -> None:
        """Off, and its place is free."""
        self.pause()
        for table in self._programs:
            table.delete(key_of(self.number))

    def _load(self, table: Map, kind: ProgramKind, wish: Wish) -> None:
        image = tap_program(wish, self.number, table.table, self._ring.table, kind)
        tables = {TAPPED.name: self._tapped, table.table.name: table, self._ring.table.name: self._ring.map}
        if table.table.name == generic.plain(TAP_PROGRAMS).name:
            image = generic.of_one_buffer(image)
        with programs.load(image, tables) as program:
            table.update(key_of(self.number), struct.pack("=I", program.fd))

    def _announce(self) -> None:
        """That a tap has changed; or that nobody watches any more."""
        anyone = (self._taps["taps"]["until"][0] > clock()).any()
        self._taps["on"][0] = secrets.randbits(63) | 1 if anyone else 0

    def _counted(self) -> Fate:
        entries = np.frombuffer(b"".join(self._tapped.lookup_all(ONLY)), Tapped)["taps"][:, self.number]
        return Fate(*(int(entries[name].sum()) for name in ("taken", "lost", "over")))


class PinnedTap:
    """On a front of this machine, whose process takes no part; also after that is started again. AllTaken, NotWhole."""

    def __init__(self, folder: Folder, wishes: Wishes, every: int = 1, buffer: int = BUFFER) -> None:
        self._folder, self._wishes, self._every = folder, wishes, every
        self._ring = RingBuffer(buffer)
        self._open = ExitStack()  # what the tap is on
        self._tap: Tap | None = None
        self._there: tuple[int, ...] = ()
        self._earlier = Fate(0, 0, 0)  # of tables that a restart has replaced
        try:
            self.renew()
        except BaseException:
            self.close()
            raise

    def renew(self, seconds: float = LEASE) -> None:
        """To be called before so much time is over. BpfError; AllTaken, NotWhole after a restart."""
        names = {TAPS.name, TAPPED.name, *(table.name for table, _ in WAYS)}
        paths = [path for name, found in self._folder.tables().items() if name in names for path in found]
        there = tuple(sorted(path.stat().st_ino for path in paths))
        if there != self._there or not self._tap:
            self._put_on()
            self._there = there
        if self._tap:
            self._tap.extend(seconds)

    def thin(self, every: int) -> None:
        """From now on one frame of so many."""
        self._every = every
        if self._tap:
            self._tap.thin(every)

    def samples(self) -> Iterator[Sample]:
        """Those that have come since."""
        return self._tap.samples() if self._tap else iter(())

    def fate(self) -> Fate:
        """What has become of the frames so far."""
        now, gone = self._tap.fate() if self._tap else Fate(0, 0, 0), self._earlier
        return Fate(gone.taken + now.taken, gone.lost + now.lost, gone.over + now.over)

    def close(self) -> None:
        """Off."""
        if self._tap:
            with locked(self._folder):
                self._tap.remove()
        self._tap = None
        self._open.close()
        self._ring.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _put_on(self) -> None:
        """At a free place of the tables as they are now."""
        with ExitStack() as parts:
            tables = parts.enter_context(Tables(self._folder))
            wanted = TAPS, TAPPED, *(table for table, _ in WAYS)
            found = {table.name: one for table in wanted if (one := tables.get(table))}
            if not {TAPS.name, TAPPED.name} < found.keys():
                raise NotWhole(f"{self._folder.interface}: the front is of another version, or just starting: try again")
            self._earlier = self.fate()
            with locked(self._folder):
                number = free(np.frombuffer(found[TAPS.name].memory(), Taps, 1))
                self._tap = Tap(found, number, self._wishes, self._every, self._ring)
                self._tap.extend()
            self._open.close()
            self._open = parts.pop_all()


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
                for number in range(OWN + 1, MOST_TAPS):
                    table.delete(key_of(number))


def clock() -> int:
    """What the packet program compares with, in ns."""
    return time.clock_gettime_ns(COARSE)


def free(taps: npt.NDArray[np.void]) -> int:
    """A place that nobody has. AllTaken."""
    ended = [number for number in range(OWN + 1, MOST_TAPS) if taps["taps"]["until"][0, number] <= clock()]
    if not ended:
        raise AllTaken(f"{MOST_TAPS - OWN - 1} captures or live views are already running on this front: end one of them")
    return ended[0]


@contextmanager
def locked(folder: Folder) -> Iterator[None]:
    """Nobody else changes taps meanwhile. It is the folder of all fronts: its own a front's process has locked."""
    fd = os.open(folder.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
