"""A worker on rings in plain memory, with the test in the kernel's place: no NIC, no root. Indices wrap, rings are full."""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator
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
from rings_under_test import Kernel, at

from hardtack.engines.worker_memory import Returns, Worker
from hardtack.kernel import xsk
from hardtack.kernel.umem import Umem
from hardtack.packet.entries import clock_entry
from hardtack.packet.programs import WORKER

ENTRIES, FRAMES = 64, 256  # of each ring; of the UMEM
SYN = frame(IPv4(), Tcp(destination_port=443))
STRAY = frame(IPv4(), Tcp(destination_port=443, flags=ACK))
ELSEWHERE = frame(IPv4(destination="198.51.100.99"), Tcp())


@contextmanager
def working(kernel: Kernel) -> Iterator[Worker]:
    """A worker with one port, judging for the twin's world."""
    native, kinds = Native(world.state()), {table.name: table for table in WORKER.tables}
    own = {name: memory(name, kinds) for name, table in kinds.items() if is_own(table)}
    worker = kernel.kind(0, native.tables, own)
    worker.provide(kernel.umem, Returns(1, FRAMES), {})
    worker.connect([kernel.socket], [True], [1])
    # Now, not before it was compiled: keys are there for some minutes
    native.tables["clock"][:] = np.frombuffer(clock_entry(NOW * 1_000_000 - time.monotonic_ns()), np.uint8)
    worker.start(None, first=False)
    try:
        yield worker
    finally:
        worker.close()


@pytest.fixture(params=[Worker, CheckedWorker], ids=["as it is", "checked"])
def kernel(request: pytest.FixtureRequest) -> Iterator[Kernel]:
    with Umem(FRAMES) as umem:
        made = Kernel(umem)
        made.kind = request.param
        assert umem.frame_size == 2048
        yield made
        made.close()


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
        for times in range(1, 4):
            assert eventually(partial(is_ready, kernel))
            assert len(kernel.receive([SYN] * ENTRIES)) == ENTRIES
            assert eventually(partial(has_received, worker, times * ENTRIES))  # or RX, of as many, would run over
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
