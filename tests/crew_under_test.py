"""Two workers of the af_xdp engine, each in its thread, over one table; the test is the kernel, at the other end of rings.

    worker 0    its queue of the uplink; exit 1, whose queue it owns; exit 2, by worker 1's queue
    worker 1    likewise; exit 2, whose queue it owns; exit 1, by worker 0's queue

So half of what is sent on comes back in the other's completion ring, and he returns it. What the workers hand over to the
kernel's stack goes to /dev/null: conversations and rows look at it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from clients_under_test import LONGEST
from engines_under_test import Native, memory
from naive import world
from rings_under_test import Descriptor, Kernel
from tables_under_test import LO

from hardtack.control.connections import ConnectionTable
from hardtack.engines.census import census
from hardtack.engines.worker_memory import Returns, Worker
from hardtack.kernel import xsk
from hardtack.kernel.umem import Umem
from hardtack.kernel.xsk import Socket
from hardtack.packet.entries import clock_entry
from hardtack.packet.layout import WAYS, Connection
from hardtack.packet.programs import WORKER
from hardtack.packet.reasons import FRONT_REASONS
from hardtack.packet.records import Search

WORKERS, ENTRIES = 2, 1 << 16  # of each ring
SHARE = 2 * ENTRIES  # frames that a worker owns
FRAME_SIZE, ROOM = 256, 64  # bytes; before each frame that comes in
UPLINK, EXITS = 0, (1, 2)
DOWN = -1  # where nothing is sent
PATIENCE = 60  # s: then something is wrong
PAUSE = 0.0005  # s: the workers are to have both CPUs of a small machine
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Gone:
    """What became of the frames that a worker was given, in their order: by which port, DOWN: by none; and as what."""

    ports: npt.NDArray[np.intp]
    frames: Bytes
    sizes: npt.NDArray[np.intp]


Round = Sequence[tuple[Bytes, npt.NDArray[np.uint32]]]  # for each worker: frames, and how long each is


class Crew:
    """Both workers, running. `buckets`: of the connection table."""

    def __init__(self, buckets: int) -> None:
        native, kinds = Native(world.state()), {table.name: table for table in WORKER.tables}
        self.tables = native.tables
        self.tables["tags"] = np.zeros(buckets * WAYS, np.uint8)
        self.tables["connections"] = np.zeros(buckets * WAYS * Connection.itemsize, np.uint8)
        native.set_buckets(buckets)
        places = self.tables["places"].tobytes()
        self.table = ConnectionTable(places, self.tables["tags"], self.tables["connections"])
        self.umem = Umem(WORKERS * SHARE, FRAME_SIZE)
        self.bytes = np.frombuffer(self.umem.view(), np.uint8)
        self.returns = Returns(WORKERS, SHARE)
        self.ends = [[self._end(worker, port) for port in (UPLINK, *EXITS)] for worker in range(WORKERS)]
        self.sockets: dict[tuple[int, int], Socket] = {
            (worker, port): end.socket for worker, ends in enumerate(self.ends) for port, end in enumerate(ends)
        }
        own = [name for name, table in kinds.items() if table.kind == "percpu_array"]
        self.workers = [
            Worker(number, self.tables, {name: memory(name, kinds) for name in own}) for number in range(WORKERS)
        ]
        # Now, not before they were compiled: keys are there for some minutes
        unix_ns = world.EPOCH_BEGINS * 1_000_000
        self.tables["clock"][:] = np.frombuffer(clock_entry(unix_ns - time.monotonic_ns()), np.uint8)
        self.nowhere = os.open(os.devnull, os.O_WRONLY)
        for worker in self.workers:
            self._connect(worker)
        for worker in self.workers:
            worker.start(None, first=False)
        self.settle()

    def _end(self, worker: int, port: int) -> Kernel:
        if port == UPLINK:
            return Kernel(self.umem, xsk.ORDER, ENTRIES, wakes=False)
        kinds = (xsk.TX, xsk.COMPLETION) if owner_of(port) == worker else (xsk.TX,)
        return Kernel(self.umem, kinds, WORKERS * ENTRIES, wakes=False)

    def _connect(self, worker: Worker) -> None:
        worker.provide(self.umem, self.returns, {place: place for place in EXITS})
        ends = self.ends[worker.number]
        worker.connect([end.socket for end in ends], [True, False, False], [LO] * len(ends))
        worker.ports["kernel"][UPLINK] = self.nowhere
        for place in EXITS:
            if (owner := owner_of(place)) != worker.number:
                ring, port = self.ends[owner][place].rings[xsk.COMPLETION], worker.ports[place]
                port["others_producer"], port["others_consumer"] = ring.producer, ring.consumer
                port["others_most"], port["others_bell"] = ENTRIES // 8, self.workers[owner].bell

    def work(self, given: Round, meanwhile: Callable[[], None]) -> list[Gone]:
        """Both take what they are given, all at once; `meanwhile`: again and again, until then."""
        bases, before = [], [self.count("received", worker.number) for worker in self.workers]
        for ends, (frames, sizes) in zip(self.ends, given, strict=True):
            taken = ends[UPLINK].take(xsk.FILL, len(frames)).view(np.uint64)
            assert len(taken) == len(frames)
            self.bytes[(taken + np.uint64(ROOM)).astype(np.intp)[:, None] + np.arange(LONGEST)] = frames
            descriptors = np.zeros(len(frames), Descriptor)
            descriptors["offset"], descriptors["size"] = taken + np.uint64(ROOM), sizes
            ends[UPLINK].write(xsk.RX, descriptors)
            bases.append(taken.astype(np.intp))
        for ends in self.ends:
            ends[UPLINK].publish(xsk.RX)
        for worker in self.workers:
            worker.wake()
        goals = [count + len(frames) for count, (frames, _) in zip(before, given, strict=True)]
        end = time.monotonic() + PATIENCE
        while [self.count("received", worker.number) for worker in self.workers] != goals:
            meanwhile()
            time.sleep(PAUSE)
            assert time.monotonic() < end, "a worker works no more"
        self.settle()
        return [self._gone(worker, taken) for worker, taken in zip(self.workers, bases, strict=True)]

    def _gone(self, worker: Worker, bases: npt.NDArray[np.intp]) -> Gone:
        """By the frames' own addresses: in which TX ring they are. What is there is sent, and completed."""
        ports, sizes = np.full(len(bases), DOWN), np.zeros(len(bases), np.intp)
        starts, order = bases.copy(), np.argsort(bases)
        for port, end in enumerate(self.ends[worker.number]):
            sent = end.take(xsk.TX)
            offsets = sent["offset"].astype(np.intp)
            found = order[np.searchsorted(bases, offsets & -FRAME_SIZE, sorter=order) % len(bases)]
            assert (bases[found] == offsets & -FRAME_SIZE).all(), "a frame is sent that did not come in"
            assert (ports[found] == DOWN).all() and len({*found.tolist()}) == len(found), "a frame is sent twice"
            ports[found], starts[found], sizes[found] = port, offsets, sent["size"]
            self.ends[owner_of(port) if port else worker.number][port].put(xsk.COMPLETION, sent["offset"])
        return Gone(ports, self.bytes[starts[:, None] + np.arange(LONGEST)], sizes)

    def settle(self) -> None:
        """Come back when both have done with whatever was in rings before; what one returns, the other has taken."""
        for worker in self.workers * 2:
            turns = int(worker.record["turns"][0])
            worker.wake()
            while int(worker.record["turns"][0]) == turns:
                assert not worker.record["failure"][0]
                time.sleep(0)

    def where(self) -> dict[str, list[int]]:
        """The census of all frames, of those there are."""
        self.settle()
        return {place: frames for place, frames in census(self).items() if frames}

    def count(self, name: str, worker: int) -> int:
        """A count of a worker's record."""
        return int(self.workers[worker].record[name][0])

    def tallies(self) -> npt.NDArray[np.uint64]:
        """Frames and bytes by reason, of all hosts and both workers."""
        entries = [worker.own["counters"].view(np.uint64).reshape(-1, FRONT_REASONS, 2) for worker in self.workers]
        found: npt.NDArray[np.uint64] = sum(one.sum(axis=0) for one in entries)
        return found

    def evicted(self) -> int:
        """Connections that have given way to others."""
        return sum(int(worker.own["search"].view(Search)["evicted"].sum()) for worker in self.workers)

    def close(self) -> None:
        """Stop both, and let go of everything."""
        for worker in self.workers:
            worker.close()
        for end in (end for ends in self.ends for end in ends):
            end.close()
        os.close(self.nowhere)
        del self.bytes
        self.umem.close()


def owner_of(port: int) -> int:
    """Whose queue an exit has: every other one is each worker's."""
    return (port - 1) % WORKERS
