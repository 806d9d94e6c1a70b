"""Memory with a page behind it that nobody may touch, and processes that may die of touching it."""

from __future__ import annotations

import ctypes
import faulthandler
import mmap
import os
import sys
import traceback
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

PAGE, NOBODY = mmap.PAGESIZE, 0  # PROT_NONE

KEPT: list[mmap.mmap] = []


def guarded(size: int) -> tuple[mmap.mmap, int, int]:
    """At least so many bytes, and a page, before the page that nobody may touch: the memory, where it begins and ends."""
    pages = -(-size // PAGE) + 1
    memory = mmap.mmap(-1, (pages + 1) * PAGE)
    begin = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    end = begin + pages * PAGE
    assert not ctypes.CDLL(None).mprotect(ctypes.c_void_p(end), PAGE, NOBODY)
    return memory, begin, end


def guarded_end(size: int = 1 << 16) -> int:
    """The address behind so many bytes, which stay until the process ends."""
    memory, _, end = guarded(size)
    KEPT.append(memory)
    return end


def walled(size: int) -> npt.NDArray[np.uint8]:
    """So many bytes, zeroed, that end where a page begins that nobody may touch; another is before their first page."""
    pages = max(1, -(-size // PAGE))
    memory = np.frombuffer(mmap.mmap(-1, (pages + 2) * PAGE), np.uint8)
    begin, end = memory.ctypes.data, memory.ctypes.data + (pages + 1) * PAGE
    for wall in (begin, end):
        assert not ctypes.CDLL(None).mprotect(ctypes.c_void_p(wall), PAGE, NOBODY)
    return memory[(pages + 1) * PAGE - size : (pages + 1) * PAGE]


def ends(act: Callable[[], object], *, expected: bool = True) -> int:
    """How a process ends that does this: its wait status. `expected`: that it dies, so nothing is said about it."""
    if not (child := os.fork()):
        faulthandler.disable() if expected else faulthandler.enable(2)
        try:
            act()
            os._exit(0)
        except BaseException:
            traceback.print_exc(file=sys.__stderr__)
            raise
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1]
