"""Tables in this process's memory, filled as the kernel's are."""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from contextlib import suppress

import numpy as np
import numpy.typing as npt

from hardtack.image import Table
from hardtack.kernel import maps
from hardtack.kernel.maps import Map

HUGE = 1 << 21  # bytes of a huge page, on x86-64
PROGRAM = 8  # bytes of an entry of a table of programs: an address


class Memory(Map):
    """A table of one CPU. Keys are numbers; of other tables there are none in native code."""

    def __init__(self, table: Table) -> None:
        super().__init__(-1, table)
        size = PROGRAM if table.kind == "prog_array" else table.value_size
        self.bytes = zeros(size * table.entries)

    def memory(self) -> memoryview:
        """All of it."""
        return self.bytes.data

    def update(self, key: bytes, value: bytes, flags: int = 0) -> None:
        """One entry."""
        size, place = self.table.value_size, int.from_bytes(key, "little")
        self.bytes[place * size : (place + 1) * size] = np.frombuffer(value, np.uint8)


def zeros(size: int) -> npt.NDArray[np.uint8]:
    """So many bytes; of a large table in huge pages, where the system has any: look-ups then miss no translation as well."""
    if size < HUGE or not hasattr(mmap, "MADV_HUGEPAGE"):
        return np.zeros(size, np.uint8)
    memory = mmap.mmap(-1, size + HUGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(OSError):  # a kernel without them
        memory.madvise(mmap.MADV_HUGEPAGE)
    whole = np.frombuffer(memory, np.uint8)
    return whole[-whole.ctypes.data % HUGE :][:size]


def tables_of(wanted: tuple[Table, ...], sizes: Mapping[str, int]) -> dict[str, Memory]:
    """All of them, empty."""
    return {table.name: Memory(maps.sized(table, sizes)) for table in wanted}
