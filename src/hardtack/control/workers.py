"""What workers of the af_xdp engine have counted, read together with what CPUs have: as if each were a CPU."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hardtack.image import Table
from hardtack.kernel.maps import Map, possible_cpus
from hardtack.packet.worker_records import COUNTED, Worker, of_workers

WHERE = {table.name: of_workers(table) for table in COUNTED}  # by the name of a per-CPU table, where workers have theirs


@dataclass(frozen=True)
class WorkerSeen:
    """One worker. `cpu`: that it is pinned to, None: none; what follows `zero_copy` are frames since its start.

    `received` is what the others but the last two add up to. `ring_full`: of replies and redirected frames those for which
    the TX ring had no room; `not_passed`: of frames for the kernel those that it did not take.
    """

    cpu: int | None
    zero_copy: bool
    received: int
    replied: int
    redirected: int
    passed: int
    dropped: int
    ring_full: int
    not_passed: int


FATES = ("received", "replied", "redirected", "passed", "dropped", "ring_full", "not_passed")


def workers_in(table: Map | None) -> list[WorkerSeen]:
    """All of a front, by number, also of one whose process has ended; none with the xdp engine."""
    records = np.frombuffer(table.memory(), Worker) if table else ()
    return [
        WorkerSeen(int(one["cpu"]) if one["cpu"] >= 0 else None, bool(one["zero_copy"]), *(int(one[name]) for name in FATES))
        for one in records
    ]


class WithWorkers(Map):
    """A per-CPU table as ever, but a worker's values are added to those of the CPU of its number. It owns no descriptor.

    `workers`: the table that WHERE names.
    """

    def __init__(self, counters: Map, workers: Map) -> None:
        super().__init__(counters.fd, counters.table)
        self._words = counters.table.value_size // 8
        memory = np.frombuffer(workers.memory(), np.uint64).reshape(-1, workers.table.value_size // 8)
        self._rows = memory[:, : self._words].reshape(-1, counters.table.entries, self._words)

    def completed(self, first: int, values: bytes) -> bytes:
        """With the workers'."""
        each = np.frombuffer(values, np.uint64).reshape(-1, possible_cpus(), self._words).copy()
        for number, rows in enumerate(self._rows):
            each[:, number % possible_cpus()] += rows[first : first + len(each)]
        return each.tobytes()

    def update(self, key: bytes, value: bytes, flags: int = 0) -> None:
        """As ever; workers have counted nothing."""
        super().update(key, value, flags)
        self._rows[:, int.from_bytes(key, "little")] = 0

    def close(self) -> None:
        """Nothing."""


def with_workers(table: Map, workers: Map | None) -> Map:
    """The table, and the workers' if there are any."""
    return WithWorkers(table, workers) if workers and workers.table.entries % table.table.entries == 0 else table


def where(table: Table) -> Table | None:
    """Where workers have theirs of this table, if they have their own."""
    return WHERE.get(table.name) if table.kind == "percpu_array" else None


def join(tables: dict[str, Map]) -> None:
    """Have all tables of the kind read with the workers', if these are there."""
    for name, theirs in WHERE.items():
        if name in tables:
            tables[name] = with_workers(tables[name], tables.get(theirs.name))
