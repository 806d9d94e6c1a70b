"""The engines of native code, made to show every access to memory that they must not make.

Checked: each is checked before it is made, by other machine code of the same IR (compiler/bounds.py). Walled: the machine
code is the very same, but tables and frames lie between pages that nobody may touch.
"""

from __future__ import annotations

import ctypes
from itertools import cycle

import numpy as np
import numpy.typing as npt
from bursts_under_test import Bursts
from captures.guarded import walled
from engines_under_test import Native, memory
from workers_under_test import Rings

from hardtack.compiler.checked import CheckedProgram
from hardtack.compiler.native import NativeProgram
from hardtack.engines.worker_memory import Worker

LONGEST = 3 * 4096 + 512  # bytes of a generated frame and its room, more than that of any
SLOTS = 64  # frames at a time
DESCRIPTOR = {"rx": 16, "tx": 16, "fill": 8, "completion": 8}  # bytes


class CheckedAlone(Native):
    """Frames one by one. OutOfBounds."""

    PROGRAM = CheckedProgram


class Checked(Bursts):
    """Frames in bursts. OutOfBounds."""

    PROGRAM = CheckedProgram

    def permit(self, program: NativeProgram, bounds: npt.NDArray[np.void], batch: npt.NDArray[np.void]) -> None:
        """What comes with a burst."""
        assert isinstance(program, CheckedProgram)
        frames = bounds.ctypes.data, len(bounds), bounds.itemsize
        program.permit((batch.ctypes.data, batch.nbytes), (bounds.ctypes.data, bounds.nbytes), frames=frames)


class CheckedWorker(Worker):
    """A worker of the af_xdp engine. In this thread it raises OutOfBounds; in one of its own, `close` does."""

    PROGRAM = CheckedProgram

    def run(self) -> int:
        """It may touch its records, its rings, and of the UMEM the frames that it judges."""
        assert isinstance(self.program, CheckedProgram) and self._kept
        _, returns = self._kept
        own = (self.record, self.ports, self.free, self.frames, self.polled, returns.records, returns.slots)
        ranges = [(array.ctypes.data, array.nbytes) for array in own]
        for name, size in DESCRIPTOR.items():
            ranges += [span(port[name], size) for port in self.ports if port[name]["mask"] >= 0]
        self.program.permit(*ranges, frames=(self.frames.ctypes.data, len(self.frames), self.frames.itemsize))
        result = super().run()
        if self.thread is None:
            self.program.judge()
        return result

    def close(self) -> None:
        """OutOfBounds if that has ended it."""
        super().close()
        assert isinstance(self.program, CheckedProgram)
        self.program.judge()


def span(ring: npt.NDArray[np.void], size: int) -> tuple[int, int]:
    """A ring's indices, flags and descriptors, which are in one piece of memory."""
    begin = min(int(ring[name]) for name in ("producer", "consumer", "flags"))
    return begin, int(ring["descriptors"]) + (int(ring["mask"]) + 1) * size - begin


class CheckedRings(Rings):
    """Frames judged and moved by such a worker."""

    KIND = CheckedWorker
    PROGRAM = CheckedProgram


class WalledProgram(NativeProgram):
    """Each frame, with its room, ends where a page begins that nobody may touch."""

    _slots = cycle([walled(LONGEST) for _ in range(SLOTS)])

    def laid(self, frame: bytes, room: int) -> ctypes.Array[ctypes.c_char]:
        """In the next of 64 places."""
        memory, size = next(self._slots), len(frame) + 2 * room
        found = (ctypes.c_char * size).from_address(memory.ctypes.data + memory.nbytes - size)
        found.raw = bytes(room) + frame + bytes(room)
        return found


class Walled(Bursts):
    """Frames in bursts; what hosts send, alone."""

    PROGRAM = WalledProgram

    def memory(self, name: str) -> npt.NDArray[np.uint8]:
        """A table, likewise."""
        return walled(memory(name, self._kinds).nbytes)

    def frame_memory(self, frame: bytes, room: int) -> ctypes.Array[ctypes.c_char]:
        """A frame, likewise."""
        return next(iter(self._linked.values())).laid(frame, room)


class WalledAlone(Native):
    """Frames one by one."""

    PROGRAM = WalledProgram
    memory = Walled.memory
