"""Who has which part of the table: blocks of words, found in a map of what is free, and given back after a while."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from hardtack.control.networks.prefixes import Words
from hardtack.mistake import Mistake
from hardtack.packet.layout import NETWORKS_END

UNIT = 4  # words: blocks begin at multiples
WINDOW = 1 << 14  # units that are looked at together, where few are wanted
Places = npt.NDArray[np.int64]


class TableFull(Mistake):
    """The table has no room for so many prefixes: it must be made larger, which takes a start."""

    status = 1


class Memory:
    """The table's words, and which of them are in use. What is given back is used again only once nobody reads it any more.

    `table`: all of it, zeros: what look-ups read. `words`: the same as it will be; here trees are worked out. `wait`: comes
    back when every look-up that had begun before has ended.
    """

    def __init__(self, table: Words, wait: Callable[[], None]) -> None:
        self.table, self.words = table, np.zeros_like(table)  # the kernel gives what is touched
        self._wait = wait
        units = len(table) // UNIT - NETWORKS_END // (8 * UNIT)
        self._taken = np.zeros(max(units, 1), bool)
        self._taken[0] = True  # place 0 leads nowhere; the root 0 is there, which has nothing; GENERATION
        self._left: list[tuple[Places, Places]] = []
        self._next = 0
        self.used = 1  # units
        self.waiting = 0  # units given back that somebody may be reading

    @property
    def units(self) -> int:
        """All that there are."""
        return len(self._taken)

    def take(self, sizes: npt.NDArray[np.integer]) -> Places:
        """Blocks of so many words each: their places. TableFull, and then nothing is taken."""
        wanted = -(-np.asarray(sizes, np.int64) // UNIT)
        total = int(wanted.sum())
        found = self._search(wanted, total)
        if found is None and self._left:
            self.settle()
            found = self._search(wanted, total)
        if found is None:
            raise TableFull(
                f"the table of prefixes is full: {8 * UNIT * self.used >> 10} of {8 * UNIT * self.units >> 10} KiB in use, "
                f"{8 * UNIT * total >> 10} more wanted; a restart creates a larger one"
            )
        self._mark(found, wanted, True)
        self.used += total
        return found * UNIT

    def give(self, places: npt.NDArray[np.integer], sizes: npt.NDArray[np.integer]) -> None:
        """Blocks back, no word leads to them any more."""
        if len(places):
            self._left.append((np.asarray(places, np.int64) // UNIT, -(-np.asarray(sizes, np.int64) // UNIT)))
            self.waiting += int(self._left[-1][1].sum())

    @property
    def end(self) -> int:
        """Units up to the last one in use."""
        return self.units - int(np.argmax(self._taken[::-1]))

    def copy(self, other: Memory) -> None:
        """Be as another one, that may be larger. TableFull."""
        end = other.end
        if end > self.units:
            raise TableFull(f"a table of prefixes of {8 * len(self.words) >> 10} KiB; {8 * UNIT * end >> 10} are in use")
        self.table[: end * UNIT] = self.words[: end * UNIT] = other.words[: end * UNIT]
        self._taken[:end], self.used = other._taken[:end], other.used
        self._left, self.waiting = [*other._left], other.waiting

    def untake(self, blocks: list[tuple[Places, Places]]) -> None:
        """Blocks back that no word has ever led to."""
        for places, sizes in blocks:
            units = -(-sizes // UNIT)
            self._mark(places // UNIT, units, False)
            self.used -= int(units.sum())

    def show(self, places: Places, sizes: npt.NDArray[np.integer]) -> None:
        """Blocks as they are into the table. No word there leads to them yet."""
        first, units = places // UNIT, -(-sizes // UNIT)
        edges = np.flatnonzero(first[1:] != first[:-1] + units[:-1])
        begins, ends = first[np.append(0, edges + 1)], (first + units)[np.append(edges, -1)]
        for begin, end in zip((begins * UNIT).tolist(), (ends * UNIT).tolist(), strict=True):
            self.table[begin:end] = self.words[begin:end]

    def settle(self) -> None:
        """Wait until what has been given back can be used again."""
        if self._left:
            self._wait()
        for first, count in self._left:
            self._mark(first, count, False)
        self.used -= self.waiting
        self._left, self.waiting, self._next = [], 0, 0

    def _search(self, wanted: Places, total: int) -> Places | None:
        """First units for blocks of so many, in order, from where the last search ended; None if there is no room."""
        if total > self.units - self.used:
            return None
        step = WINDOW if total < WINDOW // 4 else self.units
        found, ends, done = np.zeros(len(wanted), np.int64), np.cumsum(wanted), 0
        starts = [*range(self._next, self.units, step), *range(0, self._next, step)]
        for start in starts:
            for first, length in zip(*self._runs(start, start + step), strict=True):
                before = int(ends[done - 1]) if done else 0
                until = int(np.searchsorted(ends, before + length, "right"))
                found[done:until] = first + ends[done:until] - wanted[done:until] - before
                done = until
                if done == len(wanted):
                    self._next = int(found[-1] + wanted[-1]) if done else start
                    return found
        return None

    def _runs(self, start: int, end: int) -> tuple[list[int], list[int]]:
        """Where units are free between two of them: first ones and lengths."""
        edges = np.diff(self._taken[start:end], prepend=True, append=True)
        places = np.flatnonzero(edges) + start
        return places[::2].tolist(), (places[1::2] - places[::2]).tolist()

    def _mark(self, first: Places, count: Places, taken: bool) -> None:
        if len(first) < 16:
            for one, many in zip(first.tolist(), count.tolist(), strict=True):
                self._taken[one : one + many] = taken
        else:
            self._taken[spread(first, count)] = taken


def spread(first: npt.NDArray[np.integer], count: npt.NDArray[np.integer]) -> Places:
    """The numbers first, first + 1, … of each, so many as `count` says, one after another."""
    ends = np.cumsum(count)
    total = int(ends[-1]) if len(ends) else 0
    numbers: Places = np.arange(total, dtype=np.int64) + np.repeat(np.asarray(first, np.int64) - (ends - count), count)
    return numbers
