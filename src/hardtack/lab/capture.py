"""Frames as they pass an interface of the lab, read by a packet socket: what tcpdump would show."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hardtack.lab.links import Interface

ALL = 0x0300  # ETH_P_ALL, in network order
OUTGOING = 4  # PACKET_OUTGOING, linux/if_packet.h
SO_RCVBUFFORCE = 33  # asm-generic/socket.h: beyond the limit for ordinary users
BUFFER = 8 << 20  # bytes
LONGEST = 65536


class Capture:
    """Frames seen so far, oldest first: those that came in to the interface, unless outgoing ones were asked for."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self._news = threading.Condition()

    def add(self, frame: bytes) -> None:
        """One more frame."""
        with self._news:
            self.frames.append(frame)
            self._news.notify_all()

    def wait_for(self, wanted: Callable[[bytes], bool], number: int = 1, timeout: float = 5) -> list[bytes]:
        """The first `number` frames that are wanted. TimeoutError if there are fewer after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        with self._news:
            while len(found := [frame for frame in self.frames if wanted(frame)]) < number:
                if not self._news.wait(deadline - time.monotonic()):
                    raise TimeoutError(f"{len(found)} of {number} frames in {timeout} s, {len(self.frames)} others")
        return found[:number]


@contextmanager
def capturing(interface: Interface, *, outgoing: bool = False) -> Iterator[Capture]:
    """Capture incoming frames of an interface (or outgoing ones). XDP comes first: what it takes is not seen here."""
    capture = Capture()
    over = threading.Event()
    with interface.namespace.call(_packet_socket, interface.name) as packets:

        def read() -> None:
            while not over.is_set():
                try:
                    frame, about = packets.recvfrom(LONGEST)
                except TimeoutError:
                    continue
                if (about[2] == OUTGOING) == outgoing:
                    capture.add(frame)

        reader = threading.Thread(target=read, name=f"capture on {interface.name}", daemon=True)
        reader.start()
        try:
            yield capture
        finally:
            over.set()
            reader.join()


def _packet_socket(name: str) -> socket.socket:
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)  # no protocol yet: nothing of other interfaces
    made.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
    made.settimeout(0.05)
    made.bind((name, socket.ntohs(ALL)))
    return made
