"""A capture in memory, some at a time: its bytes beside a Reader, which native code walks through them.

Read, not mapped: a pipe is as good as a file, a file may shrink meanwhile, and all takes the same little memory.
"""

from __future__ import annotations

import ctypes
import io
import mmap
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hardtack.captures import headers
from hardtack.captures.damage import FAULTS, STANDARD, Damaged, NotACapture, no_capture
from hardtack.captures.native.records import MOST_BLOCK, OTHER, PCAPNG
from hardtack.printable import printable

CHUNK = 1 << 20  # bytes that are read at a time: they stay in a CPU's cache
CAPACITY = MOST_BLOCK + 2 * CHUNK

Header = Callable[[np.void, bytes], None]


class Input:
    """A capture, open. `reader`: its record, in memory that native code reads. NotACapture: it cannot be opened."""

    def __init__(self, path: Path, reader: np.void) -> None:
        self.path, self._reader = path, reader
        try:
            self._file = io.FileIO(0 if path == STANDARD else path, "rb", closefd=path != STANDARD)
        except OSError as error:
            raise NotACapture(f"capture {printable(str(path))} cannot be read: {error.strerror}") from None
        self._buffer = mmap.mmap(-1, CAPACITY)
        self._base = ctypes.addressof(ctypes.c_char.from_buffer(self._buffer))
        self._skipped: dict[int, int] = {}  # in sections before this one
        self._position = 0  # of the buffer's first byte in the file
        reader["head"] = reader["tail"] = self._base

    def begin(self) -> None:
        """Read the header: to be called first. NotACapture, Damaged."""
        begin = self._upto(headers.SECTION_HEADER)
        if headers.is_pcap(begin) and len(begin) >= 4:
            self._read(self._have(headers.FILE_HEADER), headers.read_pcap)
        elif begin[:4] == headers.SECTION:
            self.read_header()
        else:
            raise no_capture(self.path, begin)

    @property
    def offset(self) -> int:
        """Bytes that have been walked through."""
        return self._position + int(self._reader["head"]) - self._base

    def fill(self) -> bool:
        """More bytes behind those that are not walked yet; False if there are none. OSError."""
        head, tail = (int(self._reader[name]) - self._base for name in ("head", "tail"))
        if head:
            self._buffer.move(0, head, tail - head)
            self._position, tail = self._position + head, tail - head
        with memoryview(self._buffer) as whole, whole[tail : tail + CHUNK] as room:
            more = self._file.readinto(room) or 0
        self._reader["head"], self._reader["tail"] = self._base, self._base + tail + more
        return more > 0

    def go_on(self) -> None:
        """What the walk has asked for with MORE. Damaged: the capture ends within something."""
        if self.fill():
            return
        left = int(self._reader["tail"]) - int(self._reader["head"])
        if left or self._reader["skip"] or self._reader["closing"]:
            raise self._damaged(f"it ends within a {'block' if self._reader['format'] == PCAPNG else 'record'}")
        self._reader["ended"] = 1

    def fault(self) -> Damaged:
        """What the walk has called DAMAGED."""
        told, limit = int(self._reader["told"]), int(self._reader["limit"])
        return self._damaged(FAULTS[int(self._reader["fault"])].format(told=told, limit=limit))

    def read_header(self) -> None:
        """What the walk has asked for with HEADER: a section's, or an interface's. Damaged."""
        data = self._have(12)
        if data[:4] == headers.SECTION:
            self._skipped = self.skipped()
            self._read(self._block(data, self._order(data)), headers.read_section)
        else:
            self._read(self._block(data, ">" if self._reader["swapped"] else "<"), headers.read_interface)

    def skipped(self) -> dict[int, int]:
        """Link types that nobody knows, and how many frames had them."""
        some, found = self._reader["table"][: int(self._reader["interfaces"])], dict(self._skipped)
        for one in some[(some["form"] == OTHER) & (some["skipped"] > 0)]:
            found[int(one["link"])] = found.get(int(one["link"]), 0) + int(one["skipped"])
        return found

    def close(self) -> None:
        """Let go of the file; what was read stays."""
        self._file.close()

    def _upto(self, size: int) -> bytes:
        """So many of the next bytes, or fewer, if there are no more."""
        head, tail = int(self._reader["head"]), int(self._reader["tail"])
        while tail - head < size and self.fill():
            head, tail = int(self._reader["head"]), int(self._reader["tail"])
        return self._buffer[head - self._base : min(tail, head + size) - self._base]

    def _have(self, size: int) -> bytes:
        data = self._upto(size)
        if len(data) < size:
            raise self._damaged(f"it ends within a header, {len(data)} bytes behind its beginning")
        return data

    def _order(self, data: bytes) -> str:
        try:
            return headers.order_of(data)
        except ValueError as error:
            raise self._damaged(str(error)) from None

    def _block(self, data: bytes, order: str) -> bytes:
        """All of a block that begins so."""
        size = struct.unpack_from(f"{order}I", data, 4)[0]
        if not headers.LEAST_BLOCK <= size <= MOST_BLOCK or size % 4:
            raise self._damaged(f"a header of {size:,} bytes")
        whole = self._have(size)
        if (last := struct.unpack_from(f"{order}I", whole, size - 4)[0]) != size:
            raise self._damaged(f"the length at the end of a header is {last:,}, at its beginning {size:,}")
        return whole

    def _read(self, data: bytes, read: Header) -> None:
        try:
            read(self._reader, data)
        except ValueError as error:
            raise self._damaged(str(error)) from None
        self._reader["head"] += np.uint64(len(data))

    def _damaged(self, what: str) -> Damaged:
        return Damaged(self.path, self.offset, int(self._reader["number"]), what)
