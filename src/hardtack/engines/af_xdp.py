"""The af_xdp engine: frames of protected hosts go to workers in user space, one on a CPU, by AF_XDP sockets on shared UMEM.

    steer      XDP, on each uplink: sends up what concerns protected hosts
    worker     native code in a thread: judges, replies, sends on; what the kernel is to have it writes to a TAP device
    handed     tcx ingress of that device: the frame comes in by its uplink, as if nothing had been

The tables are the kernel's maps, so whoever works with those of the xdp engine works with these. Links and devices go with
the process, unless a link is pinned; then `when_down` says what becomes of frames.
"""

from __future__ import annotations

import errno
import faulthandler
import os
import struct
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from socket import if_nametoindex
from types import MappingProxyType, TracebackType
from typing import Literal, Self

from hardtack.compiler import objects
from hardtack.compiler.native import EVERYTHING, prepared
from hardtack.compiler.program import Source
from hardtack.engines.cpu_choice import choose, node_of, running_on, topology
from hardtack.engines.queue_plan import Crew, Seat, crew
from hardtack.engines.worker_memory import Returns, Worker, own_tables, records_of, shared_tables
from hardtack.image import ONLY, Image, Table
from hardtack.kernel import interfaces, links, maps, programs, xsk
from hardtack.kernel.links import Link
from hardtack.kernel.maps import Map
from hardtack.kernel.queues import Queues, queues_of
from hardtack.kernel.tap import Tap
from hardtack.kernel.umem import FRAME_SIZES, HEADROOM, Umem, frame_size_for
from hardtack.kernel.xsk import BusyPolling, Sizes, Socket, XskError, open_socket
from hardtack.mistake import Mistake
from hardtack.packet.programs import FRONT, HANDED, RELAY, STEER, WORKER
from hardtack.packet.steer_tables import FRONT_PLACE, HELD, JUDGED, MOST_QUEUES, PASSED, QUEUE_BITS, STEERED
from hardtack.packet.worker_records import COUNTED, NATIVE_ONLY, WORKERS, of_workers

WhenDown = Literal["pass", "hold", "judge"]
WHEN_DOWN = {"pass": PASSED, "hold": HELD, "judge": JUDGED}
SIZES = Sizes(rx=2048, tx=1024, fill=2048, completion=1024)
TAP_NAME = "hardtack%d"
TURN = 20e-6  # s: about as long as one takes
# What makes the kernel refuse a socket that is to share UMEM in zero-copy mode with interfaces that differ
NOT_ZERO_COPY = (errno.EOPNOTSUPP, errno.EINVAL)


class EngineError(Mistake):
    """What the engine cannot do here."""

    status = 1


@dataclass(frozen=True)
class Wanted:
    """`uplinks`: interface by number, its place in `exits`; `exits`: others that frames leave by, likewise. `cpus`: one for
    each worker, at most so many; none: as many as there are queues, and CPUs are chosen (cpu_choice.py).
    """

    uplinks: Mapping[int, str]
    exits: Mapping[int, str] = field(default_factory=dict)
    cpus: Sequence[int] = ()
    when_down: WhenDown = "pass"
    copy: bool = False
    busy: BusyPolling | None = None
    sizes: Sizes = SIZES


def all_tables() -> tuple[Table, ...]:
    """Every table of the engine, once."""
    tables = {table.name: table for source in (WORKER, STEER) for table in source.tables}
    return tuple(table for name, table in tables.items() if name not in {one.name for one in NATIVE_ONLY})


def outliving(sizes: Mapping[str, int], workers: int) -> tuple[Table, ...]:
    """Tables of so many workers that readers see, and the next start may adopt; `sizes`: entries of tables, by name."""
    own = ((of_workers(table), sizes.get(table.name, table.entries)) for table in COUNTED)
    return replace(WORKERS, entries=workers), *(replace(table, entries=workers * entries) for table, entries in own)


def jumps() -> dict[str, dict[int, Image]]:
    """What the steering program goes on in. CompileError."""
    return {STEERED.name: {FRONT_PLACE: objects.compiled(FRONT)}}


def is_compiled() -> bool:
    """Whether the workers' native code is in the cache."""

    def missing(_: Source) -> bytes:
        raise LookupError

    try:
        objects.cached(WORKER, EVERYTHING.target, missing)
    except LookupError:
        return False
    return True


def compile_all() -> None:
    """Have what the engine takes in the cache: the workers' native code may take a minute. CompileError."""
    prepared(WORKER)
    for source in (STEER, RELAY, HANDED, FRONT):
        objects.compiled(source)


class Engine:
    """The engine over filled tables, which must outlive it. `start` has it work; until then nothing is attached.

    Workers have their records and counters in `workers` and WORKERS_OWN, as far as these are among them: `outliving`.
    `adopted`: links of uplinks that have a steering program already, which ours then replaces. `attach`: else somebody else
    has loaded and attached the programs, over the same tables: kernel/standing.py. Mistake.
    """

    def __init__(
        self,
        tables: Mapping[str, Map],
        wanted: Wanted,
        adopted: Mapping[str, Link] = MappingProxyType({}),
        attach: bool = True,
    ) -> None:
        self.tables, self.wanted = tables, wanted
        self.links: dict[str, Link] = dict(adopted)
        self.workers: list[Worker] = []
        self._attended: list[bytes] = []  # places in `xsks`
        self._attach = attach
        self._parts, self._devices = ExitStack(), ExitStack()
        self.crew = crew_for(wanted)
        self.cpus = cpus_for(wanted, len(self.crew.seats))
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        self._programs()
        shared, count = shared_tables(self.tables), len(self.crew.seats)
        records = records_of(self.tables, count)
        for number in range(count):
            worker = Worker(number, shared, own_tables(self.tables, number, count), records[number : number + 1])
            self.workers.append(self._parts.enter_context(closing(worker)))
        with running_on(self.cpus):  # the kernel takes the UMEM's pages when a socket registers it: from their node
            self.sockets = self._sockets()
        share = self.umem.frames // len(self.workers)
        self.returns = Returns(len(self.workers), share)
        places = {**self.wanted.uplinks, **self.wanted.exits}
        taps = {name: self._tap(name) for name in self.wanted.uplinks.values()}
        for worker, seats, ways in zip(self.workers, self.crew.seats, self.crew.ways, strict=True):
            worker.provide(self.umem, self.returns, {place: ways[name] for place, name in places.items() if place})
            sockets = [self.sockets[worker.number, seat] for seat in seats]
            worker.connect(sockets, [seat.receives for seat in seats], [if_nametoindex(seat.interface) for seat in seats])
            for port, seat in zip(worker.ports, seats, strict=True):
                if seat.receives:
                    port["kernel"] = taps[seat.interface].fds[worker.number]
                if seat.owner != worker.number:
                    self._share(port, seat)
            worker.record["zero_copy"] = self.zero_copy
            worker.watch(self.relay.fd)
            if self.wanted.busy:
                worker.record["sleep_ms"] = 0

    def _programs(self) -> None:
        """The programs in the kernel, not attached; what to do while nobody works."""
        self.relay = self._parts.enter_context(programs.load(objects.compiled(RELAY), self.tables))
        self.tables["steering"].update(ONLY, WHEN_DOWN[self.wanted.when_down].to_bytes(8, "little"))
        if not self._attach:
            return
        front = self._parts.enter_context(programs.load(objects.compiled(FRONT), self.tables))
        self.tables["steered"].update(FRONT_PLACE.to_bytes(4, "little"), front.fd.to_bytes(4, "little"))
        self.steer = self._parts.enter_context(programs.load(objects.compiled(STEER), self.tables))

    def _sockets(self) -> dict[tuple[int, Seat], Socket]:
        """All of them, in zero-copy mode if all can."""
        try:
            return self._all_sockets(self.wanted.copy)
        except XskError as error:
            self._devices.close()
            if self.wanted.copy or error.errno not in NOT_ZERO_COPY:
                raise
            return self._all_sockets(True)

    def _all_sockets(self, copy: bool) -> dict[tuple[int, Seat], Socket]:
        mtu = max(interfaces.find(seat.interface).mtu for seats in self.crew.seats for seat in seats)
        size = self.wanted.sizes
        # Whatever rings hold, there are frames to receive into
        frames = max(
            sum(size.tx + (size.fill + size.completion) * (s.owner == w) for s in seats)
            for w, seats in enumerate(self.crew.seats)
        )
        self.umem = self._devices.enter_context(Umem(frames * len(self.crew.seats), frame_size_for(mtu)))
        found: dict[tuple[int, Seat], Socket] = {}
        first: Socket | None = None
        for worker, seat in in_order(self.crew):
            other = found.get((seat.owner, owners_seat(self.crew, seat))) if seat.owner != worker else None
            sizes = replace(size, rx=size.rx if seat.receives else 0)
            sizes = replace(sizes, fill=0, completion=0) if other else sizes
            made = open_socket(self.umem, seat.interface, seat.queue, sizes, other or first, copy)
            found[worker, seat] = self._devices.enter_context(made)
            first = first or made
            if self.wanted.busy and seat.receives:
                made.poll_busily(self.wanted.busy)
        return found

    def _share(self, port: object, seat: Seat) -> None:
        """Of a socket on another worker's queue: where that one's completion ring is, and how to wake him."""
        ring = self.sockets[seat.owner, owners_seat(self.crew, seat)].rings[xsk.COMPLETION]
        values = {"others_producer": ring.producer, "others_consumer": ring.consumer}
        values |= {"others_most": ring.entries // 2, "others_bell": self.workers[seat.owner].bell}
        for name, value in values.items():
            port[name] = value  # type: ignore[index]

    def _tap(self, uplink: str) -> Tap:
        """The device that frames of this uplink are handed to the kernel by."""
        tap = self._parts.enter_context(Tap(TAP_NAME, len(self.workers)))
        image = objects.compiled(HANDED)
        belonging = self._parts.enter_context(maps.create(image.tables[0]))
        belonging.update(ONLY, struct.pack("=Q", if_nametoindex(uplink)))
        program = self._parts.enter_context(programs.load(image, {"belonging": belonging}))
        self._parts.enter_context(links.attach_tcx(program, tap.index))
        return tap

    @property
    def zero_copy(self) -> bool:
        """Whether the drivers work on the UMEM itself."""
        return all(socket.zero_copy for socket in self.sockets.values())

    def start(self) -> None:
        """Workers first, then their sockets, then what sends frames up. BpfError if that cannot be attached."""
        self.begin()
        for name in self.wanted.uplinks.values() if self._attach else ():
            if name in self.links:
                self.links[name].update(self.steer)
            else:
                self.links[name] = links.attach_xdp(self.steer, if_nametoindex(name))

    def begin(self) -> None:
        """Workers and sockets: ready for what the steering program sends up, wherever it is attached."""
        if not faulthandler.is_enabled():
            faulthandler.enable()  # a crash in native code ends the process: then where it was is told
        for number, worker in enumerate(self.workers):
            worker.start(self.cpus[number] if self.cpus else None, first=not self.wanted.busy)
        numbers = {name: number for number, name in self.wanted.uplinks.items()}
        for (_, seat), socket in self.sockets.items():
            if seat.receives and seat.queue < MOST_QUEUES:
                place = struct.pack("=I", numbers[seat.interface] << QUEUE_BITS | seat.queue)
                self.tables["xsks"].update(place, struct.pack("=I", socket.fd))
                self._attended.append(place)

    def pin(self, paths: Mapping[str, Path]) -> None:
        """Keep the steering programs attached without this process, by uplink. BpfError."""
        for name, path in paths.items():
            self.links[name].pin(path)

    def check(self) -> None:
        """EngineError if a worker has ended though nobody stopped it."""
        for worker in self.workers:
            if failure := int(worker.record["failure"][0]):
                raise EngineError(f"worker {worker.number} of the af_xdp engine has ended: {os.strerror(failure)}")

    def settle(self) -> None:
        """Come back when no worker works any more with anything that it found in tables before."""
        before = [int(worker.record["turns"][0]) for worker in self.workers]
        for worker, turns in zip(self.workers, before, strict=True):
            worker.wake()
            while worker.at_work and int(worker.record["turns"][0]) == turns:
                time.sleep(TURN)

    def stop(self) -> None:
        """Nothing goes up any more; the workers end."""
        while self._attended:
            self.tables["xsks"].delete(self._attended.pop())
        for worker in self.workers:
            worker.stop()

    def close(self) -> None:
        """Stop, and let go of everything; programs come off that are not pinned."""
        for link in self.links.values():
            link.close()
        self.stop()
        self._devices.close()
        self._parts.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def crew_for(wanted: Wanted) -> Crew:
    """The workers that there will be, and their sockets. EngineError, InterfaceError."""
    require_cpus(wanted.cpus)
    uplinks = [*wanted.uplinks.values()]
    names = [*uplinks, *wanted.exits.values()]
    queues = {name: checked(name, name in uplinks) for name in names}
    return crew(uplinks, names, queues, len(wanted.cpus) or len(os.sched_getaffinity(0)))


def cpus_for(wanted: Wanted, workers: int) -> Sequence[int]:
    """One for each worker, at least; none: they run wherever."""
    near = {node for name in wanted.uplinks.values() if (node := node_of(name)) is not None}
    return wanted.cpus or choose(topology(), near, workers)


def require_cpus(cpus: Sequence[int]) -> None:
    """EngineError for one that no thread of this process may run on: it is not there, or not in its cpuset."""
    before = os.sched_getaffinity(0)
    try:
        for cpu in cpus:
            try:
                os.sched_setaffinity(0, {cpu})
            except OSError:
                raise EngineError(f"CPU {cpu}: there is none, or it is not in this process's cpuset: see `lscpu`") from None
    finally:
        os.sched_setaffinity(0, before)


def checked(name: str, is_uplink: bool) -> Queues:
    """An interface's queues, if the engine can work with it. EngineError, InterfaceError."""
    found = interfaces.find(name)
    interfaces.require_ethernet(name, "the af_xdp engine takes Ethernet frames")
    if is_uplink and found.driver_mode is False:
        raise EngineError(f'{name}: its driver runs no XDP programs, which the af_xdp engine needs: use engine = "xdp"')
    if not frame_size_for(found.mtu):
        most = FRAME_SIZES[-1] - HEADROOM - 22
        raise EngineError(
            f"{name}: MTU {found.mtu}, the af_xdp engine takes {most} at most: `ip link set {name} mtu {most}`"
        )
    return queues_of(name)


def in_order(crew: Crew) -> list[tuple[int, Seat]]:
    """Sockets and whose they are, those of a queue's owner first."""
    every = [(worker, seat) for worker, seats in enumerate(crew.seats) for seat in seats]
    return sorted(every, key=lambda one: one[0] != one[1].owner)


def owners_seat(crew: Crew, seat: Seat) -> Seat:
    """The owner's on the same queue."""
    return next(one for one in crew.seats[seat.owner] if (one.interface, one.queue) == (seat.interface, seat.queue))
