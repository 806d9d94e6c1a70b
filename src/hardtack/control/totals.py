"""Tables of counters read as a whole, all CPUs added up."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from hardtack.kernel import batches
from hardtack.kernel.maps import Map, possible_cpus

Tallies = npt.NDArray[np.uint64]


def totals(counters: Map) -> Tallies:
    """Of a per-CPU table of 64-bit counters: a row for each entry."""
    found = np.empty((counters.table.entries, counters.table.value_size // 8), np.uint64)
    for first, some in parts(counters):
        found[first : first + len(some)] = some
    return found


def parts(counters: Map) -> Iterator[tuple[int, Tallies]]:
    """The same, some rows at a time: the number of the first, and those."""
    words = counters.table.value_size // 8
    for first, values in batches.entries(counters):
        yield first, np.frombuffer(values, np.uint64).reshape(-1, possible_cpus(), words).sum(1, dtype=np.uint64)
