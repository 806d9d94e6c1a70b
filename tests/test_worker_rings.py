"""A worker on rings in plain memory, with the test in the kernel's place: no NIC, no root. Indices wrap, rings are full."""

from __future__ import annotations

import ctypes
import errno
import mmap
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest
from checked_under_test import CheckedWorker
from engines_under_test import Native, is_own, memory
from lab_ground import eventually
from naive import world
from naive.frames import ACK, IPv4, Tcp, frame
from naive.world import NOW

from hardtack.engines.worker_memory import Returns, Worker
from hardtack.kernel import xsk
from hardtack.kernel.umem import HEADROOM, Umem
from hardtack.kernel.xsk import Ring, Socket
from hardtack.packet.entries import clock_entry
from hardtack.packet.programs import WORKER

ENTRIES, FRAMES = 64, 256  # of each ring; of the UMEM
START = (1 << 32) - 100  # where indices begin: they wrap soon
WRAP = 1 << 32
SYN = frame(IPv4(), Tcp(destination_port=443))
STRAY = frame(IPv4(), Tcp(destination_port=443, flags=ACK))
ELSEWHERE = frame(IPv4(destination="198.51.100.99"), Tcp())


class Kernel:
    """The other end of a worker's rings."""

    def __init__(self, umem: Umem, kind: type[Worker] = Worker) -> None:
        self.kind = kind
        self.umem, self.bytes = umem, np.frombuffer(umem.view(), np.uint8)
        self.here, there = socket.socketpair()
        self.here.send(b"!")  # so the worker never sleeps
        self.rings = {kind: ring(kind) for kind in xsk.ORDER}
        self.socket = Socket(there, "test", self.rings)
        self.got = dict.fromkeys(self.rings, START)  # how far it has consumed, or produced

    def receive(self, frames: Sequence[bytes]) -> list[int]:
        """Frames come in, all at once, into buffers from FILL: their offsets. As many as there are buffers."""
        found = []
        for data in frames:
            if not self.rings[xsk.FILL].content():
                break
            offset = self.take(xsk.FILL) + HEADROOM
            self.bytes[offset : offset + len(data)] = np.frombuffer(data, np.uint8)
            self.put(xsk.RX, struct.pack("=QII", offset, len(data), 0))
            found.append(offset)
        self.publish(xsk.RX)
        return found

    def send_to(self, found: list[int]) -> list[int]:
        """What is in TX is sent, and completed: its offsets join the others."""
        while self.rings[xsk.TX].content():
            found.append(self.take(xsk.TX))
            self.put(xsk.COMPLETION, struct.pack("=Q", found[-1]))
            self.publish(xsk.COMPLETION)
        return found

    def take(self, kind: int) -> int:
        """The next descriptor of a ring that the worker produces."""
        offset = self.rings[kind].offset_at(self.got[kind])
        self.got[kind] = (self.got[kind] + 1) % WRAP
        index(self.rings[kind].consumer)[0] = self.got[kind]
        return offset

    def put(self, kind: int, descriptor: bytes) -> None:
        """One more into a ring that the worker consumes, which it does not know yet."""
        place = self.rings[kind].descriptors + self.got[kind] % ENTRIES * len(descriptor)
        at(place, len(descriptor))[:] = np.frombuffer(descriptor, np.uint8)
        self.got[kind] = (self.got[kind] + 1) % WRAP

    def publish(self, kind: int) -> None:
        """Now it does."""
        index(self.rings[kind].producer)[0] = self.got[kind]


def ring(kind: int) -> Ring:
    """An empty one in plain memory."""
    made = Ring(mmap.mmap(-1, 4096), (0, 64, 192, 128), ENTRIES, kind)
    index(made.producer)[0] = index(made.consumer)[0] = START
    return made


def at(place: int, size: int) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    """Memory of this process."""
    return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(place))


def index(place: int) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
    """An index of a ring."""
    return at(place, 4).view(np.uint32)


@contextmanager
def working(kernel: Kernel) -> Iterator[Worker]:
    """A worker with one port, judging for the twin's world."""
    native, kinds = Native(world.state()), {table.name: table for table in WORKER.tables}
    native.tables["clock"][:] = np.frombuffer(clock_entry(NOW * 1_000_000 - time.monotonic_ns()), np.uint8)
    own = {name: memory(name, kinds) for name, table in kinds.items() if is_own(table)}
    worker = kernel.kind(0, native.tables, own)
    worker.provide(kernel.umem, Returns(1, FRAMES), {})
    worker.connect([kernel.socket], [True], [1])
    worker.start(None, first=False)
    try:
        yield worker
    finally:
        worker.close()


@pytest.fixture(params=[Worker, CheckedWorker], ids=["as it is", "checked"])
def kernel(request: pytest.FixtureRequest) -> Iterator[Kernel]:
    with Umem(FRAMES) as umem:
        made = Kernel(umem, request.param)
        assert umem.frame_size == 2048
        yield made
        made.here.close()
        made.socket.close()
        del made.bytes


def is_ready(kernel: Kernel) -> bool:
    """Whether it has as many buffers as FILL takes."""
    return len(kernel.rings[xsk.FILL].content()) == ENTRIES


def has_received(worker: Worker, count: int) -> bool:
    """Whether a worker has judged so many frames."""
    return int(worker.record["received"][0]) == count


def test_every_burst_over_the_end_of_the_indices(kernel: Kernel) -> None:
    """Bursts of 1 to 64 frames: replies at the offsets of their SYNs, in order; all others' frames come back."""
    sent: list[int] = []
    expected: list[int] = []
    received = 0
    with working(kernel) as worker:
        for size in range(1, ENTRIES + 1):
            assert eventually(partial(is_ready, kernel))
            frames = [(SYN, STRAY, ELSEWHERE)[(size + number) % 3] for number in range(size)]
            offsets = kernel.receive(frames)
            received += len(offsets)
            expected += [offset for offset, data in zip(offsets, frames, strict=True) if data == SYN]
            assert eventually(partial(has_received, worker, received))
            while len(sent) < len(expected):
                kernel.send_to(sent)
        names = ("replied", "passed", "dropped", "not_passed", "ring_full", "wakeups")
        found = {name: int(worker.record[name][0]) for name in names}
        assert eventually(lambda: int(worker.record["held"][0]) == FRAMES - ENTRIES)
    assert sent == expected and received == 65 * 32
    assert found["replied"] == len(sent) and sum(found[name] for name in ("replied", "passed", "dropped")) == received
    assert found["not_passed"] == found["passed"]  # there is no device to hand them over by
    assert found["ring_full"] == 0 and found["wakeups"] == 0


def test_a_tx_ring_that_nobody_empties(kernel: Kernel) -> None:
    """What finds no room is dropped, and its frame received into again."""
    with working(kernel) as worker:
        for _ in range(3):
            assert eventually(partial(is_ready, kernel))
            assert len(kernel.receive([SYN] * ENTRIES)) == ENTRIES
        assert eventually(lambda: int(worker.record["ring_full"][0]) == 2 * ENTRIES)
        assert eventually(lambda: int(worker.record["held"][0]) == FRAMES - 2 * ENTRIES)
        assert len({*kernel.rings[xsk.TX].content()}) == ENTRIES


@pytest.mark.parametrize("kind", [xsk.TX, xsk.FILL])
def test_the_kernel_is_called_if_it_asks(kernel: Kernel, kind: int) -> None:
    at(kernel.rings[kind].flags, 1)[0] = 1
    with working(kernel) as worker:
        assert eventually(lambda: bool(kernel.receive([SYN])))
        assert eventually(lambda: int(worker.record["wakeups"][0]) > 0)


def test_an_error_ends_it(kernel: Kernel) -> None:
    """A descriptor that is none."""
    at(kernel.rings[xsk.TX].flags, 1)[0] = 1
    with working(kernel) as worker:
        worker.ports[0]["fd"] = 1 << 20
        assert eventually(lambda: bool(kernel.receive([SYN])))
        assert eventually(lambda: int(worker.record["failure"][0]) == errno.EBADF)
        assert worker.thread
        worker.thread.join()
