"""A native program with a check before every access to memory (compiler/bounds.py), for tests and fuzzing.

It may touch its tables, each by pointers made from that very table; its frames, as their records bound them at that moment;
and what it was permitted. The first other access stops it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from hardtack.compiler.bounds import LOAD, MOST_BLOCKS
from hardtack.compiler.native import Frame, Means, NativeProgram, Tables
from hardtack.compiler.program import Source

MOST_RANGES = 64  # that are permitted at a time
NEAR = 4096  # bytes: how far from memory that we know an address is still told by it


class OutOfBounds(Exception):
    """A program has been about to touch memory that it must not."""


class CheckedProgram(NativeProgram):
    """The same program. `run` and `call` raise OutOfBounds. `blocks`: how often each block has run, modulo 256.

    A program that works by itself, in a thread, ends instead: `judge` tells why.
    """

    def __init__(self, source: Source, tables: Tables, calls: Mapping[str, int] = MappingProxyType({})) -> None:
        self.blocks = np.zeros(MOST_BLOCKS, np.uint8)
        self._fault = np.zeros(5, np.uint64)  # address, size, kind, line, where the file's name is
        self._permitted = np.zeros(4 + 2 * MOST_RANGES, np.uint64)  # count; count, place, size of frames' records; ranges
        super().__init__(source, tables, Means(checked=True), calls)

    def symbols(self) -> dict[str, int]:
        """Where checks look, and what they write."""
        found: dict[str, npt.NDArray[Any]] = {"permitted": self._permitted, "fault": self._fault, "blocks": self.blocks}
        return {f"checked.{name}": memory.ctypes.data for name, memory in found.items()}

    def permit(self, *ranges: tuple[int, int], frames: tuple[int, int, int] = (0, 0, 0)) -> None:
        """Addresses and sizes of what it may touch beside its tables; of records that begin with the head and the tail of a
        frame: the address, how many there are, bytes from one to the next. Nothing else, from now on.
        """
        place, count, stride = frames
        self._permitted[:4] = len(ranges), count, place, stride
        self._permitted[4 : 4 + 2 * len(ranges)] = np.array(ranges, np.uint64).reshape(-1)

    def judged(self, bounds: Frame) -> int:
        """As ever; it may touch the frame and its record."""
        place, size = ctypes.addressof(bounds), ctypes.sizeof(bounds)
        self.permit((place, size), frames=(place, 1, size))
        return self.call(place)

    def call(self, address: int) -> int:
        """As ever; what it may touch must have been permitted."""
        result = super().call(address)
        self.judge()
        return result

    def judge(self) -> None:
        """OutOfBounds if it was stopped; it is told once."""
        address, size, kind, line, file = map(int, self._fault)
        if not file:
            return
        self._fault[:] = 0
        name = ctypes.string_at(file).decode()
        what = "reads" if kind == LOAD else "writes"
        raise OutOfBounds(f"{name}:{line}: {what} {size} bytes at {address:#x}, {self._told(address)}")

    def _told(self, address: int) -> str:
        """Where an address is, seen from the tables and what is permitted."""
        count = int(self._permitted[0])
        known = {name: (memory.ctypes.data, memory.nbytes) for name, memory in self._tables.items()}
        pairs = self._permitted[4 : 4 + 2 * count].reshape(-1, 2).tolist()
        known |= {f"permitted memory {number}": (low, size) for number, (low, size) in enumerate(pairs)}
        frames, place, stride = map(int, self._permitted[1:4])
        for number in range(frames):
            head, tail = (ctypes.c_uint64 * 2).from_address(place + number * stride)
            known[f"frame {number}"] = head, tail - head
        near = [
            f"byte {address - low} of {name}, which has {size}"
            for name, (low, size) in known.items()
            if low - NEAR <= address < low + size + NEAR
        ]
        return "; ".join(near) or "near nothing that it knows"
