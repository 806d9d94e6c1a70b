"""Capture files written for tests, byte by byte from the formats' descriptions: whatever a system may write, and more."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Order = Literal["<", ">"]
US, NS, KUZNETZOV = 0xA1B2C3D4, 0xA1B23C4D, 0xA1B2CD34


@dataclass(frozen=True)
class Shot:
    """A frame as it was captured. `time`: unix ns; `length`: on the wire, 0: as much as there is; `interface`: pcapng's."""

    frame: bytes
    time: int = 1_795_866_218_123_456_000
    length: int = 0
    interface: int = 0

    @property
    def wire(self) -> int:
        """Bytes that it had."""
        return self.length or len(self.frame)


def pcap(shots: Sequence[Shot], order: Order = "<", magic: int = US, link: int = 1, snap: int = 262144) -> bytes:
    """A whole file."""
    made = [struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, snap, link)]
    for shot in shots:
        seconds, rest = divmod(shot.time, 10**9)
        head = struct.pack(f"{order}IIII", seconds, rest if magic == NS else rest // 1000, len(shot.frame), shot.wire)
        made.append(head + (struct.pack(f"{order}IHBx", 1, 0x800, 0) if magic == KUZNETZOV else b"") + shot.frame)
    return b"".join(made)


@dataclass
class Pcapng:
    """A file in the making: `data`."""

    order: Order = "<"
    data: bytes = b""
    units: list[int] = field(default_factory=list)  # ticks in a second, of each interface

    def block(self, kind: int, body: bytes) -> Pcapng:
        """Any."""
        size = struct.pack(f"{self.order}I", 12 + len(body) + -len(body) % 4)
        self.data += struct.pack(f"{self.order}I", kind) + size + body + bytes(-len(body) % 4) + size
        return self

    def section(self, order: Order = "<", length: int = -1) -> Pcapng:
        """What follows is in this order."""
        self.order, self.units = order, []
        return self.block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, length) + self.option(1, b"a comment"))

    def interface(self, link: int = 1, snap: int = 0, resolution: int | None = None, offset: int = 0) -> Pcapng:
        """One more; `resolution` as if_tsresol."""
        options = self.option(2, b"eth0")
        if resolution is not None:
            options += self.option(9, bytes([resolution]))
        if offset:
            options += self.option(14, struct.pack(f"{self.order}q", offset))
        value = 6 if resolution is None else resolution
        self.units.append(2 ** (value & 0x7F) if value & 0x80 else 10**value)
        return self.block(1, struct.pack(f"{self.order}HHI", link, 0, snap) + options + self.option(0, b""))

    def packet(self, shot: Shot, options: bytes = b"", offset: int = 0) -> Pcapng:
        """Enhanced. `offset`: the interface's, in s."""
        head = struct.pack(f"{self.order}I", shot.interface) + self.told(shot, offset)
        return self.block(6, head + shot.frame + bytes(-len(shot.frame) % 4) + options)

    def old_packet(self, shot: Shot) -> Pcapng:
        """Obsolete."""
        return self.block(2, struct.pack(f"{self.order}HH", shot.interface, 7) + self.told(shot) + shot.frame)

    def simple_packet(self, shot: Shot) -> Pcapng:
        """Without a time."""
        return self.block(3, struct.pack(f"{self.order}I", shot.wire) + shot.frame)

    def told(self, shot: Shot, offset: int = 0) -> bytes:
        """Time and lengths."""
        ticks = (shot.time - offset * 10**9) * self.units[shot.interface] // 10**9
        return struct.pack(f"{self.order}IIII", ticks >> 32, ticks & 0xFFFFFFFF, len(shot.frame), shot.wire)

    def option(self, code: int, value: bytes) -> bytes:
        """One of a block's."""
        return struct.pack(f"{self.order}HH", code, len(value)) + value + bytes(-len(value) % 4)


def pcapng(shots: Sequence[Shot], order: Order = "<", resolution: int = 9) -> bytes:
    """A whole file of one interface."""
    made = Pcapng().section(order).interface(resolution=resolution)
    for shot in shots:
        made.packet(shot)
    return made.data
