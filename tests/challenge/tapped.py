"""Handshakes as they pass two interfaces of the lab: what is the same on both sides of a front, byte for byte."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from naive.frames import ACK, RST, SYN

from hardtack.lab.capture import ALL, LONGEST, OUTGOING
from hardtack.lab.links import Interface

IPV4, IPV6 = b"\x08\x00", b"\x86\xdd"
TTL, CHECKSUM, HOP_LIMIT = 14 + 8, 14 + 10, 14 + 7  # offsets in a frame


@dataclass(frozen=True)
class Passed:
    """A TCP segment that passed: without what routers change. `flags`: SYN, ACK, RST of its own."""

    goes_out: bool
    flags: int
    frame: bytes


class Tap:
    """All TCP segments that pass an interface. What its XDP program takes is not seen here."""

    def __init__(self, packets: socket.socket) -> None:
        self._packets = packets

    def drain(self) -> list[Passed]:
        """Those since the last time."""
        found: list[Passed] = []
        while True:
            try:
                frame, about = self._packets.recvfrom(LONGEST)
            except BlockingIOError:
                return found
            if (segment := passed(frame, about[2] == OUTGOING)) is not None:
                found.append(segment)


def passed(frame: bytes, goes_out: bool) -> Passed | None:
    """None if it is no TCP segment."""
    bare, kind = bytearray(frame), frame[12:14]
    bare[:12] = bytes(12)
    if kind == IPV4 and frame[23] == socket.IPPROTO_TCP:
        bare[TTL], bare[CHECKSUM : CHECKSUM + 2], tcp = 0, b"\0\0", 14 + (frame[14] & 15) * 4
    elif kind == IPV6 and frame[20] == socket.IPPROTO_TCP:
        bare[HOP_LIMIT], tcp = 0, 14 + 40
    else:
        return None
    return Passed(goes_out, frame[tcp + 13] & (SYN | ACK | RST), bytes(bare))


@contextmanager
def tapped(interface: Interface) -> Iterator[Tap]:
    """From now on."""

    def opened() -> socket.socket:
        made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        made.setblocking(False)
        made.bind((interface.name, socket.ntohs(ALL)))
        return made

    with interface.namespace.call(opened) as packets:
        yield Tap(packets)


def frames(segments: list[Passed], flags: int, goes_out: bool) -> list[bytes]:
    """Those with these flags, in this direction."""
    return [segment.frame for segment in segments if (segment.flags, segment.goes_out) == (flags, goes_out)]
