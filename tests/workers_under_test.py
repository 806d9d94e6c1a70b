"""A worker of the af_xdp engine, as an engine for tests: frames come in by its RX ring; where they are then is looked at.

It is the very program and the very record that an engine has; its rings are in plain memory, in place of a TAP device is a
socket, and its clock stands still, so that a moment is exact. It runs in this thread until it has nothing more to do: its
sockets have descriptors that are none, so that the system call ends it that it makes before it would wait.
"""

from __future__ import annotations

import ctypes
import errno
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count

import numpy as np
from bursts_under_test import NOBODYS
from engines_under_test import NS, PLENTY, REASONS, Native, Outcome, Side, monotonic
from naive.forward import Action
from naive.frames import SYN
from naive.parse import Segment, parse
from naive.state import State
from naive.world import NUMBERS
from rings_under_test import Kernel
from tables_under_test import LO

from hardtack.engines.worker_memory import Returns, Worker
from hardtack.kernel import xsk
from hardtack.kernel.umem import HEADROOM, Umem
from hardtack.packet.burst_records import TOGETHER
from hardtack.packet.entries import clock_entry
from hardtack.packet.layout import MOST_EXITS, Exits
from hardtack.packet.programs import INSIDE_REASON, WORKER
from hardtack.packet.reasons import FRONT_REASONS, Reason

FRAMES, FRAME_SIZE = 256, 8192  # of twice the size that the kernel takes: conversations have segments of 5,000 bytes
LONGEST = FRAME_SIZE - HEADROOM - PLENTY  # bytes of a frame that can grow at both ends
MOVED = {Action.back: "replied", Action.exit: "redirected", Action.kernel: "passed", Action.drop: "dropped"}
PASS = 2  # enum xdp_action
DONE = errno.EBADF  # how a worker ends here


def stands(_clock: int, time: int) -> int:
    """clock_gettime() of a clock that stands at 0."""
    ctypes.memset(time, 0, 16)
    return 0


STILL = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_int32, ctypes.c_void_p)(stands)
CALLS = {"libc.clock_gettime": ctypes.cast(STILL, ctypes.c_void_p).value or 0}


@dataclass(frozen=True)
class Moved:
    """Where a frame went: by which exit, if by one, and as what."""

    action: Action
    frame: bytes
    exit: int = 0


class Station:
    """A worker with a socket on the uplink, and one for each other place in `exits`, whose number its port has."""

    def __init__(self, make: Callable[[], Worker]) -> None:
        self.umem = Umem(FRAMES, FRAME_SIZE)
        self.ends = [Kernel(self.umem), *(Kernel(self.umem, (xsk.TX, xsk.COMPLETION)) for _ in range(1, MOST_EXITS))]
        self.stack, tap = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.stack.setblocking(False)
        self.tap = tap
        self.worker = worker = make()
        worker.provide(self.umem, Returns(1, FRAMES), {place: place for place in range(1, MOST_EXITS)})
        sockets = [end.socket for end in self.ends]
        worker.connect(sockets, [True] + [False] * (MOST_EXITS - 1), [LO] * MOST_EXITS)
        worker.ports["fd"], worker.ports["kernel"][0] = -1, tap.fileno()
        worker.record["patience"] = worker.record["sleep_ms"] = 0
        self.turn()

    def turn(self) -> None:
        """Let it work until there is nothing to do."""
        self.worker.record["failure"] = 0
        assert self.worker.run() == DONE

    def take(self, frames: Sequence[bytes], room: int = PLENTY) -> list[Moved]:
        """What it does with frames that come in at once, TOGETHER at most."""
        uplink = self.ends[0]
        bases = uplink.take(xsk.FILL, len(frames))
        assert len(bases) == len(frames) <= TOGETHER
        sizes = [*map(len, frames)]
        places = [base + begins(data, room) for base, data in zip(bases.tolist(), frames, strict=True)]
        for place, data in zip(places, frames, strict=True):
            uplink.bytes[place : place + len(data)] = np.frombuffer(data, np.uint8)
        before = self._counts()
        uplink.deliver(np.array(places, np.uint64), sizes)
        self.turn()
        moved = self._moved([*map(int, bases)])
        counted = {name: now - before[name] for name, now in self._counts().items()}
        assert counted == {name: sum(one.action == action for one in moved) for action, name in MOVED.items()}
        return moved

    def _moved(self, bases: list[int]) -> list[Moved]:
        """Where frames are that lay here: in a TX ring, or free again; the kernel has copies of some."""
        sent = self._sent()
        assert sent.keys() <= {*bases}
        free = [*map(int, self.worker.free[: int(self.worker.record["held"][0])]), *self.ends[0].rings[xsk.FILL].content()]
        assert sorted(free) == sorted({*range(0, FRAMES * FRAME_SIZE, FRAME_SIZE)} - sent.keys())
        copies, found = self._handed_over(), []
        for record, base in zip(self.worker.frames, bases, strict=False):
            offset, size = int(record["head"]) - self.umem.address, int(record["tail"] - record["head"])
            assert offset & -FRAME_SIZE == base
            if base in sent:
                place, *where = sent[base]
                assert where == [offset, size]
                found.append(Moved(Action.exit if place else Action.back, self._bytes(offset, size), place))
            elif int(record["action"]) == PASS:
                found.append(Moved(Action.kernel, copies.pop(0)))
            else:
                found.append(Moved(Action.drop, self._bytes(offset, size)))
        assert not copies
        return found

    def _sent(self) -> dict[int, tuple[int, int, int]]:
        """What is in TX rings, by where its frame begins: by which exit, from where on, how many bytes."""
        sent = [(place, offset, size) for place, end in enumerate(self.ends) for offset, size, _ in end.sent().tolist()]
        found = {one[1] & -FRAME_SIZE: one for one in sent}
        assert len(found) == len(sent), "a frame is sent twice"
        return found

    def _handed_over(self) -> list[bytes]:
        """What the kernel's network stack has got, in order."""
        found = []
        with suppress(BlockingIOError):
            while True:
                found.append(self.stack.recv(FRAME_SIZE))
        return found

    def _bytes(self, offset: int, size: int) -> bytes:
        return self.ends[0].bytes[offset : offset + size].tobytes()

    def _counts(self) -> dict[str, int]:
        return {name: int(self.worker.record[name][0]) for name in MOVED.values()}

    def close(self) -> None:
        """Let go of everything."""
        self.worker.close()
        for end in self.ends:
            end.close()
        self.umem.close()
        self.stack.close()
        self.tap.close()


def begins(frame: bytes, room: int) -> int:
    """Where in its part of the UMEM a frame lies: as the kernel puts it; or so near to the end that it would grow at.

    An answer grows at its end, what is sent on at its beginning, by a tag.
    """
    if room >= PLENTY:
        return HEADROOM
    segment = parse(frame)
    is_syn = isinstance(segment, Segment) and segment.flags & SYN
    return FRAME_SIZE - room - len(frame) if is_syn else room


class Rings(Native):
    """Frames from the internet are judged by a worker, which moves them; what hosts send is judged as by Native."""

    SOURCES = (WORKER, INSIDE_REASON)

    def __init__(self, state: State | None = None) -> None:
        super().__init__(state)
        self._stations: dict[int, Station] = {}

    def run(
        self, frame: bytes, now_ms: int, side: Side = "outside", room: int = PLENTY, *, cpu: int = 0, ms: int | None = None
    ) -> Outcome:
        """One frame somewhere in a burst of the next size, from 1 to TOGETHER and again; the others are NOBODYS."""
        if side != "outside":
            return super().run(frame, now_ms, side, room, cpu=cpu, ms=ms)
        size = next(self._sizes) % TOGETHER + 1
        place = next(self._sizes) % size
        frames = [NOBODYS] * place + [frame] + [NOBODYS] * (size - place - 1)
        station = self._station(cpu, now_ms, ms)
        counters = self.own(cpu)["counters"].view(np.uint64).reshape(NUMBERS, FRONT_REASONS, 2)
        counters[:] = 0
        moved = station.take(frames, room)
        counters[0, Reason.not_ip] -= np.array([size - 1, (size - 1) * len(NOBODYS)], np.uint64)
        assert (counters[:, :, 0].sum(), counters[:, :, 1].sum()) == (1, len(frame)), f"not counted once: {frame.hex()}"
        ((number, counted),) = np.argwhere(counters[:, :, 0])
        one = moved.pop(place)
        assert all(other == Moved(Action.kernel, NOBODYS) for other in moved)
        self._leaves_by_its_exit(one)
        return Outcome(REASONS[counted], int(number), one.frame, one.action)

    _sizes = count()

    def together(
        self, frames: Sequence[bytes], now_ms: int, most: int = TOGETHER, *, cpu: int = 0, ms: int | None = None
    ) -> list[tuple[Reason, Moved]]:
        """What becomes of frames that come at one moment, in bursts of `most`: why, and where they go."""
        station, found = self._station(cpu, now_ms, ms), []
        for start in range(0, len(frames), most):
            moved = station.take(frames[start : start + most])
            reasons = station.worker.frames["reason"][: len(moved)].tolist()
            found += [(REASONS[reason], one) for reason, one in zip(reasons, moved, strict=True)]
        for _, one in found:
            self._leaves_by_its_exit(one)
        return found

    def _leaves_by_its_exit(self, one: Moved) -> None:
        """A frame that is sent on has the MAC address of the interface that it leaves by."""
        if one.action == Action.exit:
            way = self.tables["exits"].view(Exits)["slots"][0, one.exit]
            assert one.frame[6:12] == int(way["mac"]).to_bytes(6, "little"), one

    def _station(self, cpu: int, now_ms: int, ms: int | None) -> Station:
        """The worker that is this CPU, at a moment."""
        self.tables["clock"][:] = np.frombuffer(clock_entry(now_ms * NS, monotonic(now_ms, ms) * NS), np.uint8)
        if cpu not in self._stations:
            self._on(cpu, INSIDE_REASON)
            self._stations[cpu] = Station(lambda: Worker(0, self.tables, self.own(cpu), calls=CALLS))
        return self._stations[cpu]

    def close(self) -> None:
        """Let go of the workers' rings."""
        for station in self._stations.values():
            station.close()
