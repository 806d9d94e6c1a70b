"""A worker of the af_xdp engine as its native code sees it: its record, its tables, its thread.

Tables that all share are the kernel's own maps, mapped; those of a CPU's own are each worker's, in memory of its own.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from hardtack.compiler.native import NativeProgram
from hardtack.image import MMAPABLE, Table
from hardtack.kernel import xsk
from hardtack.kernel.maps import Map
from hardtack.kernel.umem import Umem
from hardtack.kernel.xsk import Ring, Socket
from hardtack.packet import worker_records as records
from hardtack.packet.burst_records import MOST_TOGETHER, Frame
from hardtack.packet.programs import WORKER
from hardtack.packet.worker_records import COUNTED, LINE, WORKERS, of_workers

Bytes = npt.NDArray[np.uint8]
POINTER = 8  # bytes: a table of programs has addresses
POLLIN = 1
PATIENCE = 32  # turns without work before a worker sleeps
RUN_SIZE = 80  # bytes of union bpf_attr, as BPF_PROG_TEST_RUN has it; the program's descriptor is first
SLEEP_MS = 1000  # at most: nothing waits for it, but an interface that has gone is found out then
RINGS = {"rx": xsk.RX, "tx": xsk.TX, "fill": xsk.FILL, "completion": xsk.COMPLETION}
Polled = np.dtype([("fd", "i4"), ("events", "i2"), ("found", "i2")])  # struct pollfd


class Returns:
    """The ways on which workers return each other's frames: each has room for all that an owner has."""

    def __init__(self, workers: int, share: int) -> None:
        self.workers = workers
        self.records = lines(records.Return, workers * workers)
        room = 1 << (share - 1).bit_length() if workers > 1 else 1  # alone, nobody has others' frames
        self.slots = lines(np.dtype("u8"), workers * workers * room).reshape(-1, room)
        self.records["slots"] = self.slots.ctypes.data + np.arange(workers * workers) * room * POINTER

    def under_way(self) -> list[int]:
        """The offsets of frames that are on their way back."""
        found = []
        for record, slots in zip(self.records, self.slots, strict=True):
            first, count = int(record["consumed"]), int(record["produced"]) - int(record["consumed"])
            found += [int(slots[(first + number) % len(slots)]) for number in range(count % (1 << 32))]
        return found


class Worker:
    """One worker: `record` is its Worker, `ports` are its Ports. It runs in a thread of its own, on one CPU.

    `calls`: what it calls in place of functions of the C library (tests hold its clock so).
    """

    PROGRAM: type[NativeProgram] = NativeProgram

    def __init__(
        self,
        number: int,
        shared: Mapping[str, Bytes],
        own: Mapping[str, Bytes],
        record: npt.NDArray[np.void] | None = None,
        calls: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self.number, self.own = number, own
        self.program = self.PROGRAM(WORKER, {**shared, **own}, calls=calls)
        self._entry = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p)(self.program.address)
        self.record = lines(records.Worker) if record is None else record
        self.record[:] = np.zeros(1, records.Worker)
        self.frames = lines(Frame, MOST_TOGETHER)
        self.attr = np.zeros(RUN_SIZE // 4, np.uint32)
        self.bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.ports: npt.NDArray[np.void] = lines(records.Port)
        self.free = np.zeros(0, np.uint64)
        self.polled = np.zeros(0, Polled)
        self._kept: tuple[Umem, Returns] | None = None  # memory that the record points to
        self.thread: threading.Thread | None = None

    def provide(self, umem: Umem, returns: Returns, exits: Mapping[int, int]) -> None:
        """The frames that it owns, an equal part of the UMEM; `exits`: by place, the number of a port."""
        self._kept = umem, returns
        share = umem.frames // returns.workers
        self.free = (self.number * share + np.arange(share, dtype=np.uint64)) * np.uint64(umem.frame_size)
        values = {
            **{"number": self.number, "workers": returns.workers, "umem": umem.address, "frame_size": umem.frame_size},
            **{"share": share * umem.frame_size, "free": self.free.ctypes.data, "held": share},
            **{"returns": returns.records.ctypes.data, "return_mask": returns.slots.shape[-1] - 1},
            **{"frames": self.frames.ctypes.data, "bell": self.bell, "patience": PATIENCE, "sleep_ms": SLEEP_MS},
        }
        for name, value in values.items():
            self.record[name] = value
        for place, port in exits.items():
            self.record["exits"][0, place] = port + 1

    def watch(self, relay: int) -> None:
        """Have frames that taps want shown by this program, a descriptor of packet/relay.py."""
        self.attr[0] = relay
        self.record["run"], self.record["run_size"] = self.attr.ctypes.data, RUN_SIZE

    def connect(self, sockets: Sequence[Socket], receives: Sequence[bool], interfaces: Sequence[int]) -> None:
        """Its sockets, in the order of its ports."""
        self.ports = lines(records.Port, len(sockets))
        for port, socket, takes, interface in zip(self.ports, sockets, receives, interfaces, strict=True):
            for name, kind in RINGS.items():
                ring = socket.rings.get(kind)
                used = ring and (name != "fill" or takes or socket.zero_copy)
                write_ring(port[name], ring if used else None, kind)
            port["fd"], port["interface"], port["kernel"] = socket.fd, interface, -1
        polled = [socket.fd for socket, takes in zip(sockets, receives, strict=True) if takes] + [self.bell]
        self.polled = np.array([(fd, POLLIN, 0) for fd in polled], Polled)
        self.record["ports"], self.record["port_count"] = self.ports.ctypes.data, len(sockets)
        self.record["polled"], self.record["polled_count"] = self.polled.ctypes.data, len(polled)

    def start(self, cpu: int | None, first: bool = True) -> None:
        """Run, on this CPU; None: wherever. `first`: before ordinary threads. One of them may be the kernel's that receives:
        in a flood that would fill the RX ring in a part of its time, and leave the worker too little.
        """
        self.record["stop"], self.record["cpu"] = 0, -1 if cpu is None else cpu
        self.thread = threading.Thread(target=self._run, args=(cpu, first), name=f"worker-{self.number}", daemon=True)
        self.thread.start()

    def _run(self, cpu: int | None, first: bool) -> None:
        if cpu is not None:
            os.sched_setaffinity(0, {cpu})
        if first:
            with suppress(PermissionError):  # CAP_SYS_NICE
                os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        self.run()

    def run(self) -> int:
        """In this thread, until it is told to stop: 0; or the errno that has ended it."""
        return int(self._entry(self.record.ctypes.data))

    @property
    def at_work(self) -> bool:
        """Whether its thread runs, and has not failed."""
        return self.thread is not None and self.thread.is_alive() and not self.record["failure"][0]

    def wake(self) -> None:
        """If it sleeps."""
        os.eventfd_write(self.bell, 1)

    def stop(self) -> None:
        """Have it end, now; it has when this returns."""
        self.record["stop"] = 1
        self.wake()
        if self.thread is not None:
            self.thread.join()
            self.thread = None

    def close(self) -> None:
        """Let go of what is its own."""
        self.stop()
        os.close(self.bell)


def lines(dtype: np.dtype[Any], count: int = 1) -> npt.NDArray[Any]:
    """So many records, zeroed, that begin with a page: nobody else's data is in their cache lines."""
    size = max(dtype.itemsize * count, 1)
    return np.frombuffer(mmap.mmap(-1, size), dtype, count)


def write_ring(record: npt.NDArray[np.void], ring: Ring | None, kind: int) -> None:
    """A ring as native code has it."""
    record["mask"] = -1
    if ring is not None:
        consumed, produced = ring.indices()
        mine, theirs = (produced, consumed) if kind in (xsk.TX, xsk.FILL) else (consumed, produced)
        for name in ("producer", "consumer", "flags", "descriptors"):
            record[name] = getattr(ring, name)
        record["mask"], record["mine"], record["theirs"] = ring.entries - 1, mine, theirs


def own_tables(tables: Mapping[str, Map], number: int, workers: int) -> dict[str, Bytes]:
    """What a worker has to itself, as large as the maps of these names: empty, or its part of a map that outlives it."""
    found = {table.name: own_memory(table, tables) for table in WORKER.tables if table.kind != "array"}
    for table in COUNTED:
        if lasting := tables.get(of_workers(table).name):
            found[table.name] = np.frombuffer(lasting.memory(), np.uint8).reshape(workers, -1)[number]
    return found


def records_of(tables: Mapping[str, Map], workers: int) -> npt.NDArray[np.void]:
    """The workers' records: in the map for them, if there is one."""
    assert not records.Worker.itemsize % LINE
    lasting = tables.get(WORKERS.name)
    return np.frombuffer(lasting.memory(), records.Worker) if lasting else lines(records.Worker, workers)


def own_memory(table: Table, tables: Mapping[str, Map]) -> Bytes:
    """One of them; of a table of programs: no program."""
    entries = tables[table.name].table.entries if table.name in tables else table.entries
    size = POINTER if table.kind == "prog_array" else table.value_size
    return np.frombuffer(mmap.mmap(-1, max(size * entries, 1)), np.uint8)


def shared_tables(tables: Mapping[str, Map]) -> dict[str, Bytes]:
    """What is the same for all, and for programs in the kernel."""
    found = {}
    for table in WORKER.tables:
        if table.kind == "array":
            assert tables[table.name].table.flags & MMAPABLE and not table.value_size % 8, table.name
            found[table.name] = np.frombuffer(tables[table.name].memory(), np.uint8)
    return found
