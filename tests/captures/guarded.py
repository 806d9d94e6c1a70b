"""Memory with a page behind it that nobody may touch, and processes that may die of touching it."""

from __future__ import annotations

import ctypes
import faulthandler
import mmap
import os
from collections.abc import Callable

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


def ends(act: Callable[[], object]) -> int:
    """How a process ends that does this: its wait status."""
    if not (child := os.fork()):
        faulthandler.disable()
        try:
            act()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1]
