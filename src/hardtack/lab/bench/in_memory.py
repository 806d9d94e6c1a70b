"""The front's program as machine code on frames in memory: no interface and no kernel, everything else included.

What a worker of an engine in user space does with a frame, and what bursts, vector instructions and prefetches are worth.
Frames lie where a network card would have put them, a page's half apart. Connections of a large table are asked for in no
order, so each of them is in no cache.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from secrets import token_bytes
from statistics import median
from tempfile import TemporaryDirectory
from threading import Barrier

import numpy as np
import numpy.typing as npt

from hardtack.compiler.native import Means, NativeProgram
from hardtack.control.configuration.reading import loaded
from hardtack.control.connections import ConnectionTable
from hardtack.control.explaining.filled import Filled
from hardtack.control.uplinks import ONLY_ONE, Uplink, outside_entry
from hardtack.image import ONLY
from hardtack.keys import MASTER_SIZE
from hardtack.lab.addresses import SERVER
from hardtack.lab.bench.crowds import Crowd, crowds
from hardtack.lab.bench.frames import MACS
from hardtack.lab.namespaces import LabError
from hardtack.packet.burst_records import TOGETHER, Batch, Frame
from hardtack.packet.entries import clock_entry
from hardtack.packet.programs import BURSTS
from hardtack.packet.reasons import Reason

FEW, MANY = 10_000, 1_000_000  # connections in the table
FRAMES = 4096  # in a pass: some 200 us
STRIDE, HEADROOM = 2048, 256  # bytes, as in the UMEM of AF_XDP
STEP = 1_100  # ms from pass to pass: what source prefixes may begins anew each second, so that every cookie is tried
IN_A_ROW = 9  # passes of a program, after which another one follows
GUESSED = 4  # forged ACKs in a pass that may have a valid cookie by chance
PASSES = 100  # of a worker, beside another one
PARTS = 3  # of a round, as progress counts them
CONFIGURATION = """
[front]
interface = "eth0"
key_file = "key"
grace = "0s"
connections = {connections}
replies_per_second = 400_000_000
replies_per_prefix = 100_000_000

[[host]]
name = "web"
addresses = ["{address}"]
handshake = "agent"
via = "kernel"
replies_per_second = 400_000_000
"""

Bytes = npt.NDArray[np.uint8]
PROGRAMS = {  # those of one source after the other, for its IR is made once
    "burst": (BURSTS, Means()),
    "scalar": (BURSTS, Means(vectors=False)),
    "unfetched": (BURSTS, Means(prefetch=False)),
    "alone": (replace(BURSTS, name="singles", entry="hardtack.lab.packets.singles:singles"), Means()),
    "touched": (replace(BURSTS, name="touched", entry="hardtack.lab.packets.singles:touched"), Means()),
}


@dataclass(frozen=True)
class InMemory:
    """ns a frame on one core, medians: in bursts of 32; without vector instructions; without prefetches; one by one; for
    merely reading and writing the frame. The ratios are to `burst`, medians of those within a round.
    """

    title: str
    known: bool
    size: int
    burst: float
    scalar: float
    unfetched: float
    alone: float
    touched: float
    to_scalar: float
    to_unfetched: float
    to_alone: float

    @property
    def mpps(self) -> float:
        """Million frames a second."""
        return 1000 / self.burst

    @property
    def beside(self) -> tuple[tuple[float, float], ...]:
        """Cost and ratio: one by one, without vectors, without prefetches."""
        return (self.alone, self.to_alone), (self.scalar, self.to_scalar), (self.unfetched, self.to_unfetched)


@dataclass(frozen=True)
class Memories:
    """All of it. `two`: how many times as many frames two workers judge as one; 0: there is only one CPU."""

    figures: Sequence[InMemory]
    two: float


@dataclass
class Worker:
    """One of the programs, its tables, and frames for it."""

    program: NativeProgram
    memory: Bytes = field(default_factory=lambda: np.zeros((FRAMES + 1) * STRIDE, np.uint8))
    frames: npt.NDArray[np.void] = field(default_factory=lambda: np.zeros(FRAMES, Frame))

    def __post_init__(self) -> None:
        begin = -self.memory.ctypes.data % STRIDE
        self.slots = self.memory[begin : begin + FRAMES * STRIDE].reshape(FRAMES, STRIDE)
        self.batch = np.array((self.frames.ctypes.data, FRAMES, TOGETHER), Batch)

    def load(self, frames: Bytes) -> None:
        """These, one in each slot."""
        size = frames.shape[1]
        self.slots[:, HEADROOM : HEADROOM + size] = frames
        floors = self.slots.ctypes.data + np.arange(FRAMES, dtype=np.uint64) * np.uint64(STRIDE)
        for name, offset in (("head", HEADROOM), ("tail", HEADROOM + size), ("limit", STRIDE), ("floor", 0)):
            self.frames[name] = floors + np.uint64(offset)
        self.frames["interface"] = 1

    def run(self) -> float:
        """ns a frame, of one pass."""
        begun = time.perf_counter_ns()
        self.program.call(self.batch.ctypes.data)
        return (time.perf_counter_ns() - begun) / FRAMES

    def check(self, reason: Reason) -> None:
        """Whether all were judged as they should. LabError."""
        others = self.frames["reason"][self.frames["reason"] != reason]
        if len(others) > GUESSED:
            names = ", ".join(one.name for one in Reason if one in others)
            raise LabError(f"the bench's frames in memory are not {reason.name}, but {names}")


class Place:
    """Tables that know so many connections, with programs on them."""

    def __init__(self, count: int, folder: Path, names: Sequence[str]) -> None:
        path = folder / "front.toml"
        path.write_text(CONFIGURATION.format(connections=max(count, FEW * 10), address=SERVER[0]))
        settings = loaded(path)
        masters = {file: token_bytes(MASTER_SIZE) for file in settings.config.key_files}
        self.filled = Filled(settings, masters, (*BURSTS.tables,))
        self.filled.tables["outside"].update(ONLY, outside_entry({ONLY_ONE: Uplink([MACS[:6]])}))
        self.now_ms = time.time_ns() // 10**6
        self.crowds = [*crowds(count)]
        self._know(self.crowds[0])
        self.workers = {name: self.worker(name) for name in names}

    def worker(self, name: str, memory: Mapping[str, Bytes] | None = None) -> Worker:
        """A program on these tables."""
        source, means = PROGRAMS[name]
        return Worker(NativeProgram(source, memory or self.filled.memory, means))

    def beside(self) -> Worker:
        """Another worker: what is a CPU's own is its own."""
        own = {table.name: np.zeros(table.value_size * table.entries, np.uint8) for table in BURSTS.tables}
        kinds = {table.name: table.kind for table in BURSTS.tables}
        shared = self.filled.memory
        mine = {name: np.zeros_like(shared[name]) if kinds[name] == "percpu_array" else shared[name] for name in own}
        return self.worker("burst", mine)

    def step(self) -> None:
        """Time goes on."""
        self.now_ms += STEP
        self.filled.tables["clock"].update(ONLY, clock_entry(self.now_ms * 10**6, self.now_ms * 10**6))
        self.filled.put_keys(self.now_ms / 1000)

    def _know(self, crowd: Crowd) -> None:
        memory = self.filled.memory
        names = ("tags", "connections", "marks")
        table = ConnectionTable(memory["places"].tobytes(), *(memory[name].data for name in names))
        table.fill(crowd.known(self.now_ms), self.now_ms % (1 << 32))


def in_memory(rounds: int, compared: bool, told: Callable[[str], None]) -> Memories:
    """All kinds of frames, with few connections in the table and with many; and two workers. `told`: PARTS times a round.

    `compared`: to bursts without this or that, which takes minutes to compile. If not, these figures are 0.
    """
    names = [*PROGRAMS] if compared else ["burst", "touched"]
    with TemporaryDirectory() as folder:
        few = [*measured(Place(FEW, Path(folder), names), rounds, told)]
        place = Place(MANY, Path(folder), names)
        return Memories([*few, *measured(place, rounds, told)], two_workers(place, rounds, told))


def measured(place: Place, rounds: int, told: Callable[[str], None]) -> Iterator[InMemory]:
    """Round by round all programs on all kinds of frames, so that whatever disturbs, disturbs all alike."""
    samples: dict[str, list[dict[str, float]]] = {crowd.title: [] for crowd in place.crowds}
    for number in range(rounds):
        told(f"in memory, {number + 1} of {rounds}")
        for crowd in place.crowds:
            samples[crowd.title].append({name: once(place, name, crowd) for name in place.workers})
    for crowd in place.crowds:
        yield figure_of(crowd, samples[crowd.title])


def once(place: Place, name: str, crowd: Crowd) -> float:
    """ns a frame, of a program that has warmed up: the median of several passes."""
    worker, taken = place.workers[name], []
    for _ in range(IN_A_ROW):
        worker.load(crowd.frames(FRAMES))
        place.step()
        taken.append(worker.run())
        if name != "touched":
            worker.check(crowd.reason)
    return median(taken)


def figure_of(crowd: Crowd, rounds: list[dict[str, float]]) -> InMemory:
    """Medians."""
    measured = rounds[0].keys()
    costs = {name: median(one[name] for one in rounds) if name in measured else 0.0 for name in PROGRAMS}
    ratios = {
        f"to_{name}": median(one["burst"] / one[name] for one in rounds) if name in measured else 0.0
        for name in ("scalar", "unfetched", "alone")
    }
    return InMemory(crowd.title, crowd.is_known, crowd.size, **costs, **ratios)


def two_workers(place: Place, rounds: int, told: Callable[[str], None]) -> float:
    """How many times as many segments of known connections two workers judge in the same time as one; 0: one CPU only."""
    cpus, found = sorted(os.sched_getaffinity(0)), []
    pair = [place.beside(), place.beside()]
    for number in range(rounds):
        told(f"two workers, {number + 1} of {rounds}")
        if len(cpus) < len(pair):
            continue
        place.step()
        for worker in pair:
            worker.load(place.crowds[0].frames(FRAMES))
        found.append(2 * together(pair[:1], cpus) / together(pair, cpus))
    return median(found) if found else 0.0


def together(workers: list[Worker], cpus: list[int]) -> float:
    """Seconds until all have done PASSES, each on a CPU of its own."""
    barrier = Barrier(len(workers))

    def work(worker: Worker, cpu: int) -> float:
        os.sched_setaffinity(0, {cpu})
        barrier.wait()
        begun = time.perf_counter()
        for _ in range(PASSES):
            worker.run()
        return time.perf_counter() - begun

    with ThreadPoolExecutor(len(workers)) as pool:
        return max(pool.map(work, workers, cpus))
