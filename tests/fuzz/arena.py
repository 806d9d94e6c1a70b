"""Tables that begin anew with each input. They are a private view of a file: what was written is dropped, page by page."""

from __future__ import annotations

import mmap
import os

import numpy as np
import numpy.typing as npt
from checked_under_test import Checked, CheckedAlone
from engines_under_test import Native, memory
from naive.state import State

SIZE = 64 << 20  # bytes: more than all tables of an engine's


class Arena:
    """Memory for the tables of one engine."""

    def __init__(self) -> None:
        self._file = os.memfd_create("tables")
        os.ftruncate(self._file, SIZE)
        self._memory = mmap.mmap(self._file, SIZE, flags=mmap.MAP_PRIVATE)
        self._used = 0

    def take(self, size: int) -> npt.NDArray[np.uint8]:
        """So many bytes, that begin with a page."""
        begin = self._used
        self._used += -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
        assert self._used <= SIZE
        return np.frombuffer(self._memory, np.uint8, size, begin)

    def keep(self) -> None:
        """As it is now, it is to be again."""
        os.pwrite(self._file, self._memory[: self._used], 0)
        self.renew()

    def renew(self) -> None:
        """As it was kept."""
        self._memory.madvise(mmap.MADV_DONTNEED)


class InArena(Native):
    """An engine that can begin anew at no cost."""

    def __init__(self, state: State, buckets: int) -> None:
        self.arena = Arena()
        super().__init__(state)
        self.set_buckets(buckets)
        self.program, _ = self._on(0, self.SOURCES[0])
        self.arena.keep()

    def memory(self, name: str) -> npt.NDArray[np.uint8]:
        """A table there."""
        return self.arena.take(memory(name, self._kinds).nbytes)


class InBursts(InArena, Checked):
    """Judges bursts."""


class OneByOne(InArena, CheckedAlone):
    """Judges single frames."""
