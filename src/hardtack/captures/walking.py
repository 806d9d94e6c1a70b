"""Native code on its way through captures: the memory that it works in, and what it returns to Python for."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hardtack.captures.native import records
from hardtack.captures.native.records import MOST_FRAME, ROOM, Job, Reader
from hardtack.captures.reading import Input

SLOT = MOST_FRAME + 3 * ROOM  # bytes: the longest frame with a header, and room at both ends

Blocks = npt.NDArray[np.uint8]


class Walk:
    """One or two captures. `job` and `readers` are the native code's records; `address` is what its entry takes."""

    def __init__(self) -> None:
        self._jobs, self._slot, self.readers = np.zeros(1, Job), np.zeros(SLOT, np.uint8), np.zeros(2, Reader)
        self.job: np.void = self._jobs[0]
        self.inputs = list[Input]()
        self.job["slot"], self.job["room"] = self._slot.ctypes.data + ROOM, self._slot.ctypes.data + SLOT
        self.job["readers"] = self.readers.ctypes.data
        self.address = int(self._jobs.ctypes.data)

    def open(self, captures: Sequence[Path], parts: ExitStack) -> None:
        """Read their headers; `parts` is given what is to be closed. OSError, NotACapture, Damaged."""
        self.job["count"] = len(captures)
        for place, path in enumerate(captures):
            self.inputs.append(one := Input(path, self.readers[place]))
            parts.enter_context(closing(one))
            one.begin()

    def write_to(self, blocks: Blocks, put: Callable[[int], None]) -> None:
        """Have what is written there given to `put`: so many bytes of `blocks`, which has room for `blocks.LONGEST`."""
        self._blocks, self._put = blocks, put
        self.job["out"] = blocks.ctypes.data
        self.job["out_end"] = blocks.ctypes.data + blocks.nbytes

    def put(self) -> None:
        """What is written so far, if anything is to be."""
        if self.job["out"]:
            size = int(self.job["out"]) - self._blocks.ctypes.data
            self.job["out"] = self._blocks.ctypes.data
            self._put(size)

    def meet(self, outcome: int) -> None:
        """What the native code has returned for, if it is about captures or output. Damaged, OSError."""
        one = self.inputs[int(self.job["which"])]
        if outcome == records.MORE:
            one.go_on()
        elif outcome == records.HEADER:
            one.read_header()
        elif outcome == records.DAMAGED:
            raise one.fault()
        elif outcome == records.FULL:
            self.put()

    def frame(self) -> bytes:
        """The one that is in the slot, as it is now."""
        head, tail = int(self.job["head"]), int(self.job["tail"])
        return ctypes.string_at(head, tail - head)

    @property
    def done(self) -> int:
        """Bytes of the captures that are walked through."""
        return sum(one.offset for one in self.inputs)

    @property
    def frames(self) -> int:
        """Those that were found there."""
        return int(self.readers["number"].sum())
