"""UMEM: the memory that AF_XDP frames lie in, shared by all sockets of a process. linux/if_xdp.h

It is cut into frames of one size. A frame is called by its offset from the beginning; whoever has the offset owns it.
"""

from __future__ import annotations

import ctypes
import mmap
from contextlib import suppress
from types import TracebackType
from typing import Self

HUGE_PAGE = 1 << 21  # bytes; MAP_HUGETLB takes the default size, which is this on x86-64 and, with 4 KB pages, on ARM
MAP_HUGETLB = 0x40000  # linux/mman.h
HEADROOM = 256  # XDP_PACKET_HEADROOM: bytes before a received frame
FRAME_SIZES = (2048, 4096)  # that the kernel takes, with pages of 4 KB


class Umem:
    """`frames` of `frame_size` bytes each, in huge pages if there are any. The kernel pins it when a socket registers it."""

    def __init__(self, frames: int, frame_size: int = FRAME_SIZES[0]) -> None:
        self.frames, self.frame_size = frames, frame_size
        size = -(-frames * frame_size // HUGE_PAGE) * HUGE_PAGE
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        try:
            self._memory, self.huge = mmap.mmap(-1, size, flags=flags | MAP_HUGETLB), True
        except OSError:  # none are reserved: vm.nr_hugepages
            self._memory, self.huge = mmap.mmap(-1, size, flags=flags), False
            with suppress(OSError):  # a kernel without transparent huge pages
                self._memory.madvise(mmap.MADV_HUGEPAGE)
        self._first = ctypes.c_char.from_buffer(self._memory)
        self.address = ctypes.addressof(self._first)

    @property
    def size(self) -> int:
        """Bytes."""
        return self.frames * self.frame_size

    def view(self) -> memoryview:
        """All of it."""
        return memoryview(self._memory)[: self.size]

    def close(self) -> None:
        """Unmap it; the kernel keeps what its sockets still use."""
        del self._first
        with suppress(BufferError):  # somebody looks at it: it goes with the last of them
            self._memory.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def frame_size_for(mtu: int) -> int:
    """The smallest frame that takes Ethernet, two VLAN tags and `mtu` bytes behind the headroom; 0 if none does."""
    return next((size for size in FRAME_SIZES if HEADROOM + 14 + 8 + mtu <= size), 0)
