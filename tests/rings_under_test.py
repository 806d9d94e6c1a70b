"""Rings of AF_XDP sockets in plain memory, with the test in the kernel's place: no NIC, no root."""

from __future__ import annotations

import ctypes
import mmap
import socket
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hardtack.engines.worker_memory import Worker
from hardtack.kernel import xsk
from hardtack.kernel.umem import HEADROOM, Umem
from hardtack.kernel.xsk import Ring, Socket

START = (1 << 32) - 100  # where indices begin: they wrap soon
WRAP = 1 << 32
PLACES = (0, 64, 192, 128)  # of the indices, descriptors and flags in a ring's memory
Descriptor = np.dtype([("offset", "u8"), ("size", "u4"), ("options", "u4")])  # struct xdp_desc
KINDS = {xsk.RX: Descriptor, xsk.TX: Descriptor, xsk.FILL: np.dtype("u8"), xsk.COMPLETION: np.dtype("u8")}
OURS = (xsk.RX, xsk.COMPLETION)  # that the kernel produces
Array = npt.NDArray[np.void]


class Kernel:
    """The other end of a socket's rings, of `entries` each. `wakes`: whoever polls the socket is awake at once, always."""

    kind: type[Worker] = Worker  # of the worker at this end

    def __init__(self, umem: Umem, kinds: Sequence[int] = xsk.ORDER, entries: int = 64, wakes: bool = True) -> None:
        self.umem, self.bytes = umem, np.frombuffer(umem.view(), np.uint8)
        self.here, there = socket.socketpair()
        if wakes:
            self.here.send(b"!")
        self.entries = entries
        self.rings = {kind: ring(kind, entries) for kind in kinds}
        self._memory = {kind: descriptors(kind, one) for kind, one in self.rings.items()}
        self._produced = {kind: index(one.producer) for kind, one in self.rings.items()}
        self._consumed = {kind: index(one.consumer) for kind, one in self.rings.items()}
        self.socket = Socket(there, "test", self.rings)
        self.got = dict.fromkeys(self.rings, START)  # how far it has consumed, or produced

    def receive(self, frames: Sequence[bytes]) -> list[int]:
        """Frames come in, all at once, into buffers from FILL: their offsets. As many as there are buffers."""
        offsets = self.take(xsk.FILL, len(frames)).view(np.uint64) + np.uint64(HEADROOM)
        for offset, data in zip(offsets.tolist(), frames, strict=False):
            self.bytes[offset : offset + len(data)] = np.frombuffer(data, np.uint8)
        self.deliver(offsets, [len(data) for data in frames[: len(offsets)]])
        return [*map(int, offsets)]

    def deliver(self, offsets: npt.NDArray[np.uint64], sizes: Sequence[int] | npt.NDArray[np.integer]) -> None:
        """Frames that lie there, into RX."""
        found = np.zeros(len(offsets), Descriptor)
        found["offset"], found["size"] = offsets, sizes
        self.put(xsk.RX, found)

    def send_to(self, found: list[int]) -> list[int]:
        """What is in TX is sent, and completed: its offsets join the others."""
        found += map(int, self.sent()["offset"])
        return found

    def sent(self) -> Array:
        """What is in TX is sent, and completed."""
        sent = self.take(xsk.TX)
        self.put(xsk.COMPLETION, sent["offset"])
        return sent

    def take(self, kind: int, most: int | None = None) -> Array:
        """What is in a ring that the worker produces; `most`: at most so much."""
        count = (int(self._produced[kind][0]) - self.got[kind]) % WRAP
        count = count if most is None else min(count, most)
        found: Array = self._memory[kind][(self.got[kind] + np.arange(count)) % self.entries]
        self.got[kind] = (self.got[kind] + count) % WRAP
        self._consumed[kind][0] = self.got[kind]
        return found

    def put(self, kind: int, descriptors: npt.NDArray[np.generic]) -> None:
        """Some more into a ring that the worker consumes, all at once."""
        self.write(kind, descriptors)
        self.publish(kind)

    def write(self, kind: int, descriptors: npt.NDArray[np.generic]) -> None:
        """Likewise, but the worker does not know yet."""
        self._memory[kind][(self.got[kind] + np.arange(len(descriptors))) % self.entries] = descriptors
        self.got[kind] = (self.got[kind] + len(descriptors)) % WRAP

    def publish(self, kind: int) -> None:
        """Now it does."""
        self._produced[kind][0] = self.got[kind]

    def close(self) -> None:
        """Let go of the UMEM and of both sockets."""
        self.here.close()
        self.socket.close()
        del self.bytes, self._memory, self._produced, self._consumed


def ring(kind: int, entries: int) -> Ring:
    """An empty one in plain memory."""
    made = Ring(mmap.mmap(-1, PLACES[2] + entries * KINDS[kind].itemsize), PLACES, entries, kind)
    index(made.producer)[0] = index(made.consumer)[0] = START
    return made


def descriptors(kind: int, one: Ring) -> Array:
    """Those of a ring, wherever its indices are."""
    found: Array = at(one.descriptors, one.entries * KINDS[kind].itemsize).view(KINDS[kind])
    return found


def at(place: int, size: int) -> npt.NDArray[np.uint8]:
    """Memory of this process."""
    return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(place))


def index(place: int) -> npt.NDArray[np.uint32]:
    """An index of a ring."""
    return at(place, 4).view(np.uint32)
