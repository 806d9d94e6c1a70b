"""What the flood's program is told, and what it counts: one record in one table. NumPy and the standard library only.

The frame is built here, in plain Python, with its random fields zero; the program copies it and fills those in. So the
program needs to know nothing about options and flags, and anything can be flooded with.
"""

from __future__ import annotations

import ipaddress
import secrets
import socket
import struct
from dataclasses import dataclass
from typing import Literal

import numpy as np

from hardtack.image import Table

Kind = Literal["syn", "ack"]
Options = Literal["linux", "none"]

# Where a flood claims to come from: addresses for benchmarks (RFC 2544) and documentation (RFC 3849)
FLOOD_4, FLOOD_6 = ipaddress.IPv4Network("198.18.0.0/15"), ipaddress.IPv6Network("2001:db8:f100::/40")

LARGEST = 96  # bytes of a frame, in whole words: Ethernet, IPv6, TCP with Linux's options is 94
SHORTEST = 60  # IEEE 802.3, without the frame check sequence
SYN, ACK = 0x02, 0x10
# As Linux 6 sends them: MSS 1460, SACK permitted, timestamps, NOP, window scale 7
LINUX_OPTIONS = bytes.fromhex("020405b4 0402 080a 00c0ffee 00000000 01 030307")

Recipe = np.dtype(
    [
        ("state", "u8"),  # of the random numbers; never 0
        ("sent", "u8"),  # frames handed to the interface so far
        ("limit", "u8"),  # frames to send in all
        ("gap_ns", "u8"),  # between frames; 0: as fast as it goes
        ("next_ns", "u8"),  # when the next one is due
        ("resting_ns", "u8"),  # how much later it goes, so that a burst can follow
        ("acknowledged", "u8"),  # mask of the random acknowledgment number: 0 in a SYN
        ("network_sum", "u8"),  # of the IPv4 header without its source
        ("transport_sum", "u8"),  # of pseudo-header and TCP header without source, source port, sequence numbers
        ("version", "u8"),  # 4 or 6
        ("size", "u8"),  # of the frame: 60 or 74, 74 or 94
        ("frame", "u1", (LARGEST,)),
    ],
    align=True,
)
RECIPE = Table("recipe", "array", 4, Recipe.itemsize, 1)
KEY = bytes(4)
TEMPLATE = Recipe.itemsize - LARGEST  # offset of the frame, which is last


@dataclass(frozen=True)
class Target:
    """Where a flood goes: the destination and the MAC addresses of sender and next hop (6 bytes each)."""

    address: str
    port: int
    source_mac: bytes
    next_mac: bytes

    @property
    def version(self) -> int:
        """4 or 6."""
        return ipaddress.ip_address(self.address).version


def frame_for(target: Target, kind: Kind, options: Options) -> bytes:
    """The frame without its random fields, checksums zero; padded to the shortest that Ethernet carries."""
    carried = LINUX_OPTIONS if kind == "syn" and options == "linux" else b""
    tcp = struct.pack("!HHIIBBHHH", 0, target.port, 0, 0, (5 + len(carried) // 4) << 4, SYN if kind == "syn" else ACK,
                      64240, 0, 0) + carried  # fmt: skip
    if target.version == 4:
        packed = socket.inet_pton(socket.AF_INET, target.address)
        network = struct.pack("!BBHHHBBHI4s", 0x45, 0, 20 + len(tcp), 0, 0x4000, 64, 6, 0, 0, packed)
        ethertype = 0x0800
    else:
        packed = socket.inet_pton(socket.AF_INET6, target.address)
        network = struct.pack("!IHBB16x16s", 6 << 28, len(tcp), 6, 64, packed)
        ethertype = 0x86DD
    return (target.next_mac + target.source_mac + struct.pack("!H", ethertype) + network + tcp).ljust(SHORTEST, b"\0")


def recipe_for(target: Target, kind: Kind, options: Options, *, limit: int, rate: int, seed: int = 0) -> bytes:
    """The record for the table. `rate` in frames per second, 0: as many as possible; `seed` 0: a random one."""
    frame = frame_for(target, kind, options)
    tcp_at = 34 if target.version == 4 else 54
    tcp_length = struct.unpack_from("!H", frame, 16)[0] - 20 if target.version == 4 else len(frame) - tcp_at
    destination = frame[30:34] if target.version == 4 else frame[38:54]
    pseudo = destination + struct.pack("!HH", 6, tcp_length)
    record = np.zeros((), Recipe)
    record["state"] = seed or secrets.randbits(64) | 1
    record["limit"] = limit
    record["gap_ns"] = 10**9 // rate if rate else 0
    record["acknowledged"] = 0xFFFFFFFF if kind == "ack" else 0
    record["network_sum"] = words_sum(frame[14:34]) if target.version == 4 else 0
    record["transport_sum"] = words_sum(pseudo) + words_sum(frame[tcp_at : tcp_at + tcp_length])
    record["version"], record["size"] = target.version, len(frame)
    record["frame"] = np.frombuffer(frame.ljust(LARGEST, b"\0"), np.uint8)
    return record.tobytes()


def words_sum(data: bytes) -> int:
    """16-bit words added up in this machine's byte order, as the program does it; RFC 1071: any order will do."""
    return sum(struct.unpack(f"={len(data) // 2}H", data))
