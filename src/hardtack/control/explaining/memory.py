"""Tables in this process's memory, filled as the kernel's are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from hardtack.image import Table
from hardtack.kernel import maps
from hardtack.kernel.maps import Map

PROGRAM = 8  # bytes of an entry of a table of programs: an address


class Memory(Map):
    """A table of one CPU. Keys are numbers; of other tables there are none in native code."""

    def __init__(self, table: Table) -> None:
        super().__init__(-1, table)
        size = PROGRAM if table.kind == "prog_array" else table.value_size
        self.bytes: npt.NDArray[np.uint8] = np.zeros(size * table.entries, np.uint8)

    def memory(self) -> memoryview:
        """All of it."""
        return self.bytes.data

    def update(self, key: bytes, value: bytes, flags: int = 0) -> None:
        """One entry."""
        size, place = self.table.value_size, int.from_bytes(key, "little")
        self.bytes[place * size : (place + 1) * size] = np.frombuffer(value, np.uint8)


def tables_of(wanted: tuple[Table, ...], sizes: Mapping[str, int]) -> dict[str, Memory]:
    """All of them, empty."""
    return {table.name: Memory(maps.sized(table, sizes)) for table in wanted}
