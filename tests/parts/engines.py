"""The parts' entries as eBPF in the kernel and as native code: a frame in; verdict and frame out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import numpy as np
import pytest
from kernel_ground import needs_root
from naive.world import KEYS, OLD_KEYS

from hardtack.compiler import objects
from hardtack.compiler.native import NativeProgram
from hardtack.compiler.program import Source
from hardtack.image import MMAPABLE
from hardtack.kernel.datapath import Datapath
from hardtack.packet import layout
from hardtack.packet.entries import ONLY, clock_entry, keys_entry
from parts.entries import DONE

Target = Literal["eBPF", "native"]
TARGETS = [pytest.param("eBPF", marks=needs_root), pytest.param("native")]
TABLES = (layout.KEYS, layout.CLOCK, layout.WALK, layout.NETWORKS, layout.RECENT, layout.NETS, layout.HOSTS, layout.PORTS)
SETS = 1100  # of ports: more than a test has
SIZES = {layout.PORTS.name: SETS * layout.PORT_WORDS}
NS = 1_000_000  # in a millisecond


class Part:
    """One entry on one target, with the keys of `naive.world`, and the old ones. `write` writes how a table begins."""

    def __init__(self, run: Callable[[bytes], tuple[int, bytes]], write: Callable[[str, bytes], None]) -> None:
        self._run, self.write = run, write
        write("keys", keys_entry(KEYS.items(), OLD_KEYS.items()))

    def words(self, frame: bytes, count: int) -> list[int]:
        """The little-endian words of 64 bits that it writes over a frame's start; none if it refuses the frame."""
        verdict, out = self._run(frame)
        if verdict != DONE:
            return []
        return [int.from_bytes(out[at : at + 8], "little") for at in range(0, count * 8, 8)]

    def says(self, frame: bytes, now_ms: int) -> bool:
        """Its verdict at a moment."""
        self.write("clock", clock_entry(now_ms * NS))
        return self._run(frame)[0] == DONE


@contextmanager
def part(entry: str, target: Target) -> Iterator[Part]:
    """An entry of `parts.entries`, compiled for a target."""
    source = Source(f"part_{entry}", f"parts.entries:{entry}", "xdp", TABLES, clock="table")
    if target == "native":
        yield native(source)
        return
    with Datapath(objects.compiled(source), sizes=SIZES) as datapath:

        def run(frame: bytes) -> tuple[int, bytes]:
            ran = datapath.program.test_run(frame)
            return ran.verdict, ran.frame

        def write(table: str, value: bytes) -> None:
            if datapath.tables[table].table.flags & MMAPABLE:
                datapath.tables[table].memory()[: len(value)] = value
            else:
                datapath.tables[table].update(ONLY, value)

        yield Part(run, write)


def native(source: Source) -> Part:
    """As machine code, over tables in this process's memory."""
    tables = {table.name: np.zeros(table.value_size * SIZES.get(table.name, 1), np.uint8) for table in source.tables}
    program = NativeProgram(source, tables)

    def write(table: str, value: bytes) -> None:
        tables[table][: len(value)] = np.frombuffer(value, np.uint8)

    return Part(program.run, write)
