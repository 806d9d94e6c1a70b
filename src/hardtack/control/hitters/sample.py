"""Sampled frames: what the packet program hands out, and what is found in one.

This is the only place where the view of heavy hitters and the sampling meet: whoever samples is a `Sampler`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

IPV4, IPV6 = 0x0800, 0x86DD
VLAN = (0x8100, 0x88A8, 0x9100)
MOST_TAGS = 4  # VLAN tags that are stepped over
TCP, UDP = 6, 17
EXTENSIONS = {0, 43, 60, 135, 139, 140}  # hop-by-hop, routing, destination …: next header, length in 8 bytes
FRAGMENT, AUTHENTICATION = 44, 51
MOST_EXTENSIONS = 8
ETHERNET = 14


class Sample(NamedTuple):
    """A frame that was sampled. `frame`: its first bytes as received, from Ethernet on, or from IP on if `from_ip`.

    `host`: Host.number, 0 is nobody's. `length` is the whole frame's. `weight`: how many frames it stands for.
    """

    frame: bytes
    reason: int
    host: int
    length: int
    weight: float
    from_ip: bool = False


class Sampler(Protocol):
    """Whoever samples frames of a running front. Costs something only between `start` and `stop`."""

    def start(self) -> None:
        """Begin. Mistake: why it cannot."""

    def samples(self) -> Iterable[Sample]:
        """Those since the last call; never waits."""

    def stop(self) -> None:
        """End, also if it never began."""


@dataclass(frozen=True)
class Ends:
    """Where a frame came from and where to. Addresses are 4 or 16 bytes; ports are None where there are none."""

    source: bytes
    source_port: int | None
    destination_port: int | None


def ends_of(sample: Sample) -> Ends | None:
    """None if the frame is malformed, cut short before its addresses, or not IP."""
    packet = sample.frame if sample.from_ip else payload(sample.frame)
    if packet is None or not packet:
        return None
    if packet[0] >> 4 == 4:
        return ends_of_4(packet)
    return ends_of_6(packet) if packet[0] >> 4 == 6 else None


def payload(frame: bytes) -> bytes | None:
    """What an Ethernet frame carries, behind its VLAN tags; None if that is not IP."""
    at = ETHERNET - 2
    for _ in range(MOST_TAGS + 1):
        if len(frame) < at + 2:
            return None
        (kind,) = struct.unpack_from(">H", frame, at)
        if kind in (IPV4, IPV6):
            packet = frame[at + 2 :]
            return packet if packet and packet[0] >> 4 == (4 if kind == IPV4 else 6) else None
        if kind not in VLAN:
            return None
        at += 4
    return None


def ends_of_4(packet: bytes) -> Ends | None:
    """RFC 791 3.1. Later fragments have no ports."""
    header = (packet[0] & 15) * 4
    if header < 20 or len(packet) < 20:
        return None
    first = struct.unpack_from(">H", packet, 6)[0] & 0x1FFF == 0
    return Ends(packet[12:16], *ports(packet, header, packet[9]) if first else (None, None))


def ends_of_6(packet: bytes) -> Ends | None:
    """RFC 8200: extension headers are stepped over as far as the sample goes."""
    if len(packet) < 40:
        return None
    source, kind, at = packet[8:24], packet[6], 40
    for _ in range(MOST_EXTENSIONS):
        if kind == FRAGMENT and len(packet) >= at + 8:
            if struct.unpack_from(">H", packet, at + 2)[0] & 0xFFF8:
                return Ends(source, None, None)
            kind, at = packet[at], at + 8
        elif kind in EXTENSIONS and len(packet) >= at + 2:
            kind, at = packet[at], at + 8 * (packet[at + 1] + 1)
        elif kind == AUTHENTICATION and len(packet) >= at + 2:
            kind, at = packet[at], at + 4 * (packet[at + 1] + 2)
        else:
            break
    return Ends(source, *ports(packet, at, kind))


def ports(packet: bytes, at: int, protocol: int) -> tuple[int | None, int | None]:
    """Source and destination port of TCP and UDP, if the sample has them."""
    if protocol not in (TCP, UDP) or len(packet) < at + 4:
        return None, None
    source, destination = struct.unpack_from(">HH", packet, at)
    return source, destination
