"""Frames for programs in memory, thousands at a time, each from somebody else: strangers' SYNs and ACKs, known clients'."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from hardtack.lab.addresses import SERVER
from hardtack.lab.bench.frames import MACS, segment
from hardtack.lab.bench.kinds import PORT
from hardtack.lab.packets.crowd import connections
from hardtack.lab.packets.recipe import ACK, LINUX_OPTIONS, SYN, Target
from hardtack.packet.layout import BURST
from hardtack.packet.reasons import Reason

HOST = 1  # the number of the only one there is
CHECKSUM, SOURCE, PORTS, SEQUENCE, ACKNOWLEDGMENT = 24, 26, 34, 38, 42  # where an IPv4 frame has them
REACH = 26  # a power of two: whatever sequence number there is
NETWORK, HOSTS = 0xC613_0000, 1 << 16  # strangers: 198.19.0.0/16, RFC 2544; known clients have the other half

Bytes = npt.NDArray[np.uint8]


@dataclass
class Crowd:
    """Frames of a kind, and what becomes of them. `count`: connections in the table, whose frames they are if `is_known`."""

    title: str
    template: bytes
    reason: Reason
    count: int
    is_known: bool = False
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(1))

    @property
    def size(self) -> int:
        """Bytes of a frame."""
        return len(self.template)

    def known(self, now_ms: int) -> npt.NDArray[np.void]:
        """The connections as records, seen last at that time."""
        target = Target(SERVER[0], PORT, MACS[:6], MACS[6:])
        rows = connections(target, HOST, self.count)
        rows["reach"] = rows["ack_reach"] = REACH
        rows["left"], rows["seen"], rows["begun"] = BURST, now_ms % (1 << 32), now_ms % (1 << 32)
        self._sources = (rows["source_low"] >> np.uint64(32)).astype(np.uint32)
        self._ports = (rows["ports"] & 0xFFFF).astype(np.uint16)
        return rows

    def frames(self, number: int) -> Bytes:
        """So many, a row each."""
        rows = np.tile(np.frombuffer(self.template, np.uint8), (number, 1))
        if self.is_known:
            drawn = self.random.integers(0, self.count, number)
            sources, ports = self._sources[drawn], self._ports[drawn]
        else:
            sources = (self.random.integers(0, HOSTS, number) + NETWORK).astype(">u4")
            ports = self.random.integers(1024, 1 << 16, number).astype(">u2")
            rows[:, SEQUENCE : SEQUENCE + 4] = self.random.integers(0, 256, (number, 4))
            if self.reason != Reason.answered:
                rows[:, ACKNOWLEDGMENT : ACKNOWLEDGMENT + 4] = self.random.integers(0, 256, (number, 4))
        rows[:, SOURCE : SOURCE + 4] = sources.view(np.uint8).reshape(-1, 4)
        rows[:, PORTS : PORTS + 2] = ports.view(np.uint8).reshape(-1, 2)
        rows[:, CHECKSUM : CHECKSUM + 2] = checksums(rows)
        return rows


def checksums(rows: Bytes) -> Bytes:
    """Of the IPv4 headers. RFC 1071"""
    header = rows[:, 14:34].copy()
    header[:, CHECKSUM - 14 : CHECKSUM - 12] = 0
    total = np.ascontiguousarray(header).view(">u2").astype(np.uint32).sum(axis=1)
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    found: Bytes = (total ^ 0xFFFF).astype(">u2").view(np.uint8).reshape(-1, 2)
    return found


def crowds(count: int) -> Iterator[Crowd]:
    """With so many connections in the table: segments of these, forged ACKs, and SYNs. The first one's are to be known."""
    server, among = SERVER[0], f"{count:,} connections known"
    bare = segment(4, b"", flags=ACK, to=server, sequence=0)
    yield Crowd(f"known connection, {among}", bare, Reason.connection, count, is_known=True)
    yield Crowd(f"forged ACK, {among}", bare, Reason.stray_ack, count)
    syn = segment(4, LINUX_OPTIONS, flags=SYN, to=server)
    yield Crowd(f"SYN with Linux's options, {among}", syn, Reason.answered, count)


