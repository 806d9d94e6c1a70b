"""One look at the tables: as arrays what may be much, as plain values what is little."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from hardtack.control import listing, proven, proven_listing, reloads
from hardtack.control.attacks.entry import ATTACKS, Entry, entries_of, is_protected
from hardtack.control.connections import ROOM
from hardtack.control.handovers.failures import Failure, failures_in
from hardtack.control.holdings import evicted
from hardtack.control.metrics.families import NOBODY
from hardtack.control.metrics.handed import AGENTS, Handed
from hardtack.control.readout import RuleFrames, grace_left, ruled
from hardtack.control.reloads import RELOADS, Reloads
from hardtack.control.totals import Tallies
from hardtack.control.workers import WorkerSeen, workers_in
from hardtack.image import ONLY
from hardtack.kernel import batches
from hardtack.kernel.maps import possible_cpus
from hardtack.packet.entries import frames_of
from hardtack.packet.layout import AGENT_COUNTERS, CLOCK, COUNTERS, POLICY, WAYS, Clock
from hardtack.packet.proven_tables import PROVEN_WAYS
from hardtack.packet.reasons import Reason
from hardtack.packet.worker_records import WORKERS

QUICK = 0.02  # s, which whoever asks can wait
DUTY = 50  # the tables of connections and sources are gone through again after so many times as long as that took


@dataclass(frozen=True)
class Traffic:
    """Frames and bytes, an array each, by row and Reason. `names`: of rows."""

    names: list[str]
    frames: Tallies
    bytes: Tallies


@dataclass(frozen=True)
class Attacks:
    """An entry for each host. `since`: unix time in s, 0: there is no attack; `peak`, `usual`: by attacks.entry.KINDS."""

    names: Sequence[str]
    protected: Sequence[bool]
    since: Sequence[float]
    peak: Sequence[Sequence[float]]
    usual: Sequence[Sequence[float]]


@dataclass(frozen=True)
class Held:
    """What the tables of connections and proven sources hold."""

    origins: Mapping[str, int]
    states: Mapping[str, int]
    capacity: int
    sources: int
    waiting: int
    sources_capacity: int


@dataclass(frozen=True)
class Seen:
    """All of it. `clock_error`: s by which the programs' clock is ahead; `time`: unix time in s; `seconds`: it took."""

    hosts: Traffic
    cpus: Traffic
    rules: list[RuleFrames]
    held: Held | None
    evicted: Mapping[str, int]
    attacks: Attacks
    failures: Mapping[str, Failure]
    grace_left: float | None
    clock_error: float | None
    reloads: Reloads | None
    agent: Mapping[str, int] | None
    workers: list[WorkerSeen]
    time: float
    seconds: float


@dataclass
class Reader:
    """Reads, for one at a time."""

    tables: Handed
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _held: Held | None = None
    _took: float = 0.0  # s, to count that
    _again: float = 0.0  # when it is to be counted again: monotonic s

    def read(self) -> Seen:
        """All of it, as it is now. BpfError."""
        with self._lock:
            began, now = time.perf_counter(), time.time()
            hosts, cpus = traffic(self.tables)
            agent = self.tables.get(AGENT_COUNTERS, AGENTS)
            return Seen(
                hosts=hosts,
                cpus=cpus,
                rules=[*ruled(self.tables)],
                held=self.held(),
                evicted=evicted(self.tables),
                attacks=attacks(self.tables),
                failures=failures_in(self.tables),
                grace_left=grace_left(self.tables.get(POLICY), self.tables.now()),
                clock_error=clock_error(self.tables),
                reloads=reloads.read(self.tables.get(RELOADS)),
                agent=by_reason(frames_of(agent.totals(ONLY))) if agent else None,
                workers=workers_in(self.tables.get(WORKERS)),
                time=now,
                seconds=time.perf_counter() - began,
            )

    def held(self) -> Held | None:
        """Counted anew when it is time. Millions of connections take a while, and caches: nobody waits for that."""
        if time.monotonic() >= self._again:
            if self._took < QUICK:
                self._count()
            else:
                self._again = math.inf
                threading.Thread(target=self._count, name="count", daemon=True).start()
        return self._held

    def _count(self) -> None:
        began = time.monotonic()
        self._held = held(self.tables)
        self._took = time.monotonic() - began
        self._again = time.monotonic() + DUTY * self._took


def parts(tables: Handed) -> Iterator[tuple[int, list[str], npt.NDArray[np.uint64]]]:
    """The counters of rows that have a name, some at a time: number of the first, names, tallies by row, CPU and word."""
    counters, gone = tables.get(COUNTERS), tables.gone()
    names = [NOBODY, *("" if name in gone else name for name in tables.hosts())]
    last = max(number for number, name in enumerate(names) if name)
    if counters is None:
        return
    for first, values in batches.entries(counters, 0, min(last + 1, counters.table.entries)):
        tallies = np.frombuffer(values, np.uint64).reshape(-1, possible_cpus(), counters.table.value_size // 8)
        yield first, names[first : first + len(tallies)], tallies


def traffic(tables: Handed) -> tuple[Traffic, Traffic]:
    """By host, those that there are; and by CPU."""
    rows, names = [], []
    by_cpu: npt.NDArray[np.uint64] | None = None
    for _, some, tallies in parts(tables):
        there = [place for place, name in enumerate(some) if name]
        rows.append(tallies.sum(1, dtype=np.uint64)[there])
        names += [some[place] for place in there]
        sums = tallies.sum(0, dtype=np.uint64)
        by_cpu = sums if by_cpu is None else by_cpu + sums
    if by_cpu is None:
        none = np.zeros((0, 2), np.uint64)
        return Traffic([], none, none), Traffic([], none, none)
    whole = np.concatenate(rows)
    cpus = [str(number) for number in range(len(by_cpu))]
    return Traffic(names, whole[:, 0::2], whole[:, 1::2]), Traffic(cpus, by_cpu[:, 0::2], by_cpu[:, 1::2])


def attacks(tables: Handed) -> Attacks:
    """How it stands with each host, as arrays: one by one takes too long."""
    table = tables.get(ATTACKS)
    names = ["", *tables.hosts()]
    entries = entries_of(table)[: len(names)] if table else np.zeros(0, Entry)
    numbers = [number for number in np.flatnonzero(entries["at_times"]).tolist() if names[number]]
    some = entries[numbers]
    since, peak, usual = (some[name].round(1).tolist() for name in ("since", "peak", "usual"))
    return Attacks([names[number] for number in numbers], is_protected(some).tolist(), since, peak, usual)


def held(tables: Handed) -> Held | None:
    """By going through both tables."""
    table, known = tables.connections(), tables.sources()
    if table is None or known is None:
        return None
    origins, states = listing.count(table.kinds())
    sources, waiting = proven_listing.count(known.live(), proven.period_of(tables.now()))
    capacity = table.buckets * WAYS * ROOM[1] // ROOM[0]
    sources_capacity = known.buckets * PROVEN_WAYS * proven.ROOM[1] // proven.ROOM[0]
    return Held(dict(origins.items()), dict(states.items()), capacity, sources, waiting, sources_capacity)


def clock_error(tables: Handed) -> float | None:
    """Seconds by which the programs' unix time is ahead of this machine's."""
    clock = tables.get(CLOCK)
    entry = clock.lookup(ONLY) if clock else None
    if not entry:
        return None
    offset = int(np.frombuffer(entry, Clock)["offset_ns"].astype(np.int64)[0])
    return (offset - (time.clock_gettime_ns(time.CLOCK_REALTIME) - time.clock_gettime_ns(time.CLOCK_MONOTONIC))) / 1e9


def by_reason(frames: Sequence[int]) -> dict[str, int]:
    """An agent's, by the names of reasons, those that are not 0."""
    return {reason.name: frames[reason] for reason in Reason if reason < len(frames) and frames[reason]}
