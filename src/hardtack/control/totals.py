"""Tables of counters read as a whole, all CPUs added up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from hardtack.control.pinned import key_of
from hardtack.kernel import batches
from hardtack.kernel.maps import Map, possible_cpus

Tallies = npt.NDArray[np.uint64]
Numbers = npt.NDArray[np.intp]
FEW = 16  # in the time that one entry takes by itself, so many are read together with others


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


def both_ways(counters: Map) -> tuple[Tallies, Tallies]:
    """Of the same, read once: a row for each entry, all CPUs added up; and a row for each CPU, all entries added up."""
    words = counters.table.value_size // 8
    entries = np.empty((counters.table.entries, words), np.uint64)
    cpus = np.zeros((possible_cpus(), words), np.uint64)
    for first, values in batches.entries(counters):
        each = np.frombuffer(values, np.uint64).reshape(-1, possible_cpus(), words)
        entries[first : first + len(each)] = each.sum(1, dtype=np.uint64)
        cpus += each.sum(0, dtype=np.uint64)
    return entries, cpus


def sums(counters: Map, numbers: Numbers, groups: Sequence[Sequence[int]]) -> npt.NDArray[np.int64]:
    """Of some entries, by number, in order: a row each, what the words of each group are together."""
    found = np.zeros((len(numbers), len(groups)), np.int64)
    for rows, values in some(counters, numbers):
        each = np.frombuffer(values, np.uint64).reshape(-1, possible_cpus(), counters.table.value_size // 8)
        begin, end = np.searchsorted(numbers, [rows.start, rows.stop])
        for column, group in enumerate(groups):
            found[begin:end, column] = each[:, :, group].sum((1, 2), dtype=np.uint64)[numbers[begin:end] - rows.start]
    return found


def some(counters: Map, numbers: Numbers) -> Iterator[tuple[range, bytes]]:
    """Whatever entries must be read for these: which, and their values."""
    whole = range(*(numbers[[0, -1]] + [0, 1]).tolist()) if len(numbers) else range(0)
    if len(numbers) * FEW < len(whole):
        for number in numbers.tolist():
            yield range(number, number + 1), b"".join(counters.lookup_all(key_of(number)))
        return
    size = counters.table.value_size * possible_cpus()
    for first, values in batches.entries(counters, whole.start, whole.stop):
        yield range(first, first + len(values) // size), values
