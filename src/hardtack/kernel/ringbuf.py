"""A BPF ring buffer, read: what programs have written into it, in order. Documentation/bpf/ringbuf.rst."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from hardtack.image import Table
from hardtack.kernel import maps

PAGE = mmap.PAGESIZE
BUSY, DISCARDED = 1 << 31, 1 << 30  # bits of a record's length: it is being written; it is to be skipped
HEADER = 8  # bytes before each record


class RingBuffer:
    """A new one of `size` bytes: a power of two, and a page at least. BpfError."""

    def __init__(self, size: int, name: str = "ring") -> None:
        self.table = Table(name, "ringbuf", 0, 0, size)
        self.map = maps.create(self.table)
        self._consumed = mmap.mmap(self.map.fd, PAGE, offset=0)
        self._produced = mmap.mmap(self.map.fd, PAGE + 2 * size, prot=mmap.PROT_READ, offset=PAGE)  # the data come twice
        self._consumer = memoryview(self._consumed).cast("Q")
        self._producer = memoryview(self._produced)[:PAGE].cast("Q")
        self._data, self._mask = memoryview(self._produced)[PAGE:], size - 1

    def records(self) -> Iterator[bytes]:
        """What is in it now, oldest first; each is gone from it once the next is asked for."""
        place, end = self._consumer[0], self._producer[0]
        while place < end:
            at = place & self._mask
            (length,) = struct.unpack_from("=I", self._data, at)
            if length & BUSY:
                return
            size = length & ~(BUSY | DISCARDED)
            if not length & DISCARDED:
                yield bytes(self._data[at + HEADER : at + HEADER + size])
            place += (HEADER + size + 7) & ~7
            self._consumer[0] = place

    def close(self) -> None:
        """Let go of it; a program that writes into it keeps it alive."""
        for view in (self._data, self._consumer, self._producer):
            view.release()
        self._consumed.close()
        self._produced.close()
        self.map.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
