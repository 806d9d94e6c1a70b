"""AF_XDP sockets: frames straight from a queue of an interface into our memory, and back. linux/if_xdp.h

A socket has up to four rings, each in memory that the kernel shares with us: RX (what came in) and TX (what is to go out)
of descriptors; and, one pair for each queue of an interface, FILL (empty frames for the kernel) and COMPLETION (frames that
it has sent). Here they are only made; engines/ and packet/ work with them.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import resource
import socket
import struct
import time
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from hardtack.kernel.bpf import libc
from hardtack.kernel.umem import FRAME_SIZES, Umem
from hardtack.mistake import Mistake

AF_XDP, SOL_XDP = 44, 283
MMAP_OFFSETS, RX, TX, UMEM_REG, FILL, COMPLETION, STATISTICS, OPTIONS, MOST_SENT = 1, 2, 3, 4, 5, 6, 7, 8, 9
PAGES = {RX: 0, TX: 0x80000000, FILL: 0x100000000, COMPLETION: 0x180000000}  # XDP_PGOFF_*, XDP_UMEM_PGOFF_*
ORDER = (RX, TX, FILL, COMPLETION)  # in struct xdp_mmap_offsets
DESCRIPTOR = {RX: 16, TX: 16, FILL: 8, COMPLETION: 8}  # bytes: struct xdp_desc, or an offset in the UMEM
SHARED_UMEM, COPY, ZERO_COPY, USE_NEED_WAKEUP = 1, 2, 4, 8  # sxdp_flags
IS_ZERO_COPY = 1  # XDP_OPTIONS_ZEROCOPY
SO_BUSY_POLL, SO_PREFER_BUSY_POLL, SO_BUSY_POLL_BUDGET = 46, 69, 70
ATTEMPTS, PAUSE = 100, 0.01  # s: for a queue to become free
OTHER_ENGINE = 'use engine = "xdp"'


class XskError(OSError, Mistake):
    """An AF_XDP socket that the kernel refused: which one, at what, its reason, and a remedy where one is known."""

    status = 1

    def __init__(self, number: int, about: str, step: str, remedy: str = "") -> None:
        super().__init__(number, os.strerror(number))
        self.about, self.step, self.remedy = about, step, remedy

    def __str__(self) -> str:
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{self.about}: the kernel refused {self.step}: {self.strerror}{remedy}"


@dataclass(frozen=True)
class Sizes:
    """Descriptors in each ring, powers of two; 0: there is no such ring."""

    rx: int = 2048
    tx: int = 2048
    fill: int = 4096
    completion: int = 4096


@dataclass(frozen=True)
class BusyPolling:
    """The socket's owner runs the driver itself instead of waiting for interrupts: microseconds a call; frames a call."""

    microseconds: int = 20
    budget: int = 64


@dataclass(frozen=True)
class Statistics:
    """struct xdp_statistics: frames and descriptors since the socket was made."""

    rx_dropped: int  # for other reasons than a full ring
    rx_invalid: int
    tx_invalid: int
    rx_ring_full: int
    fill_ring_empty: int
    tx_ring_empty: int


class Ring:
    """One ring: addresses in this process of its two indices (32 bits, ever counting), its flags, its descriptors."""

    def __init__(self, memory: mmap.mmap, places: tuple[int, int, int, int], entries: int, kind: int) -> None:
        self._memory, self._first = memory, ctypes.c_char.from_buffer(memory)
        base, self.entries, self._kind = ctypes.addressof(self._first), entries, kind
        self.producer, self.consumer, self.descriptors, self.flags = (base + place for place in places)

    def indices(self) -> tuple[int, int]:
        """Consumed and produced, modulo 2^32: what is between them is in the ring."""
        return ctypes.c_uint32.from_address(self.consumer).value, ctypes.c_uint32.from_address(self.producer).value

    def offset_at(self, index: int) -> int:
        """The UMEM offset in the descriptor at an index, whether it is still in the ring or was."""
        return ctypes.c_uint64.from_address(self.descriptors + (index % self.entries) * DESCRIPTOR[self._kind]).value

    def content(self) -> list[int]:
        """The UMEM offsets of the descriptors that are in the ring now."""
        consumed, produced = self.indices()
        return [self.offset_at(consumed + number) for number in range((produced - consumed) % (1 << 32))]

    def close(self) -> None:
        """Unmap it."""
        del self._first
        with suppress(BufferError):
            self._memory.close()


class Socket:
    """An AF_XDP socket bound to a queue of an interface. Use `open_socket`."""

    def __init__(self, kernel: socket.socket, about: str, rings: dict[int, Ring]) -> None:
        self._kernel, self.about, self.rings = kernel, about, rings

    @property
    def fd(self) -> int:
        """Its descriptor."""
        return self._kernel.fileno()

    @property
    def zero_copy(self) -> bool:
        """Whether the driver works on the UMEM itself; else the kernel copies each frame."""
        return bool(struct.unpack("=I", self._kernel.getsockopt(SOL_XDP, OPTIONS, 4))[0] & IS_ZERO_COPY)

    def statistics(self) -> Statistics:
        """What the kernel has counted."""
        return Statistics(*struct.unpack("=6Q", self._kernel.getsockopt(SOL_XDP, STATISTICS, 48)))

    def poll_busily(self, how: BusyPolling) -> None:
        """Switch busy polling on. XskError before Linux 5.11."""
        try:
            for option, value in (
                (SO_PREFER_BUSY_POLL, 1),
                (SO_BUSY_POLL, how.microseconds),
                (SO_BUSY_POLL_BUDGET, how.budget),
            ):
                self._kernel.setsockopt(socket.SOL_SOCKET, option, value)
        except OSError as error:
            raise refused(error, self.about, "busy polling", "it takes Linux 5.11 and CAP_NET_ADMIN") from None

    def close(self) -> None:
        """Let go of it: the queue is free, and maps of sockets forget it."""
        for ring in self.rings.values():
            ring.close()
        self._kernel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def open_socket(
    umem: Umem, interface: str, queue: int, sizes: Sizes, first: Socket | None = None, copy: bool = False
) -> Socket:
    """A socket on a queue of an interface of this network namespace, with the rings that `sizes` says. XskError.

    `first`: the socket that has registered the UMEM, if one has. On a queue that has a socket already, another one has no
    FILL and COMPLETION of its own (sizes 0), and `first` is that socket. `copy`: not even try zero-copy.
    """
    about = f"AF_XDP on {interface}, queue {queue}"
    try:
        kernel = socket.socket(AF_XDP, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
    except OSError as error:
        raise refused(error, about, "the socket") from None
    try:
        if first is None:
            register(kernel, umem, about)
        rings = make_rings(kernel, sizes, about)
        bind(kernel, interface, queue, first, COPY if copy else 0)
    except BaseException:
        kernel.close()
        raise
    return Socket(kernel, about, rings)


def register(kernel: socket.socket, umem: Umem, about: str) -> None:
    """Tell the kernel of the UMEM, which it pins."""
    try:
        kernel.setsockopt(SOL_XDP, UMEM_REG, struct.pack("=QQIIII", umem.address, umem.size, umem.frame_size, 0, 0, 0))
    except OSError as error:
        raise refused(error, about, f"{umem.size >> 20} MiB of UMEM") from None


def make_rings(kernel: socket.socket, sizes: Sizes, about: str) -> dict[int, Ring]:
    """The rings of which any descriptors are wanted, mapped."""
    wanted = {RX: sizes.rx, TX: sizes.tx, FILL: sizes.fill, COMPLETION: sizes.completion}
    try:
        for kind, entries in wanted.items():
            if entries:
                kernel.setsockopt(SOL_XDP, kind, entries)
        with suppress(OSError):  # since Linux 6.17: how many frames a call may send in copy mode; else 32
            kernel.setsockopt(SOL_XDP, MOST_SENT, max(sizes.tx, 32))
        offsets = struct.unpack("=16Q", kernel.getsockopt(SOL_XDP, MMAP_OFFSETS, 128))
        rings = {}
        for number, kind in enumerate(ORDER):
            if wanted[kind]:
                producer, consumer, descriptors, flags = offsets[4 * number : 4 * number + 4]
                size = descriptors + wanted[kind] * DESCRIPTOR[kind]
                memory = mmap.mmap(kernel.fileno(), size, flags=mmap.MAP_SHARED, offset=PAGES[kind])
                rings[kind] = Ring(memory, (producer, consumer, descriptors, flags), wanted[kind], kind)
    except OSError as error:
        raise refused(error, about, "its rings", "sizes are powers of two") from None
    return rings


def bind(kernel: socket.socket, interface: str, queue: int, first: Socket | None, mode: int) -> None:
    """bind(2), of which Python's socket module does not know this form: struct sockaddr_xdp."""
    about = f"AF_XDP on {interface}, queue {queue}"
    try:
        index = socket.if_nametoindex(interface)
    except OSError:
        raise refused(OSError(errno.ENODEV, ""), about, "it") from None
    # Where the UMEM is shared, its first socket has settled the mode for all
    flags = SHARED_UMEM if first else mode | USE_NEED_WAKEUP
    address = struct.pack("=HHIII", AF_XDP, flags, index, queue, first.fd if first else 0)
    for _ in range(ATTEMPTS):
        if libc.bind(kernel.fileno(), address, len(address)) == 0:
            return
        number = ctypes.get_errno()
        if number == errno.EBUSY:  # a socket that has been closed lets go of its queue a little later (xp_release_deferred)
            time.sleep(PAUSE)
            continue
        raise refused(OSError(number, ""), about, "zero-copy mode" if mode & ZERO_COPY else "to bind it")
    raise refused(OSError(errno.EBUSY, ""), about, "to bind it")


def refused(error: OSError, about: str, step: str, otherwise: str = "") -> XskError:
    """The error, with what to do about it."""
    assert error.errno is not None
    remedies = {
        errno.EAFNOSUPPORT: f"this kernel has no AF_XDP (CONFIG_XDP_SOCKETS): {OTHER_ENGINE}",
        errno.EPERM: "run as root, or with CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF",
        errno.ENODEV: "no such interface in this network namespace: see `ip link`",
        errno.EBUSY: "another AF_XDP socket has this queue: stop its process",
        errno.ENETDOWN: "the interface is down: `ip link set up`",
        errno.EOPNOTSUPP: f"its driver cannot do this with the UMEM of the other interfaces: copy mode, or {OTHER_ENGINE}",
        errno.ENOBUFS: locked_memory(),
        errno.ENOMEM: "not enough memory for it: fewer frames or queues",
        errno.EINVAL: otherwise or f"is there such a queue (`ethtool -l`)? UMEM frames have {FRAME_SIZES} bytes",
    }
    return XskError(error.errno, about, step, remedies.get(error.errno, otherwise))


def locked_memory() -> str:
    """What to do about UMEM that may not be pinned."""
    most = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]
    return f"a process may lock {most >> 10} KiB of memory: set LimitMEMLOCK=infinity, or give it CAP_IPC_LOCK"
