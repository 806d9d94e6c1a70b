"""What the flood's program is told, and what it counts: one record in one table. NumPy and the standard library only.

Frames are built here, in plain Python, with their random fields zero; the program copies them and fills those in. So the
program needs to know nothing about options and flags, and anything can be flooded with.
"""

from __future__ import annotations

import ipaddress
import secrets
import struct
from dataclasses import dataclass
from typing import Literal

import numpy as np

from hardtack.image import Table

Kind = Literal[
    "syn", "ack", "rst", "fin", "syn-ack", "null", "xmas", "data", "first-fragment", "later-fragment", "mixed"
]  # fmt: skip
Options = Literal["linux", "none"]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Where a flood claims to come from: addresses for benchmarks (RFC 2544) and documentation (RFC 3849)
FLOOD_4, FLOOD_6 = ipaddress.IPv4Network("198.18.0.0/15"), ipaddress.IPv6Network("2001:db8:f100::/40")

LARGEST = 96  # bytes of a frame, in whole words: Ethernet, IPv6, TCP with Linux's options is 94
SHORTEST = 60  # IEEE 802.3, without the frame check sequence
SIZES = {4: (SHORTEST, 74), 6: (74, 94)}  # IP version -> lengths of frames: without TCP options and payload, and with
MOST_KINDS = 16  # in a mixed flood; a power of two
FIN, SYN, RST, PSH, ACK, URG = (1 << bit for bit in range(6))
FLAGS: dict[Kind, int] = {
    "syn": SYN,
    "ack": ACK,
    "rst": RST,
    "fin": FIN | ACK,  # as a connection's end looks
    "syn-ack": SYN | ACK,
    "null": 0,
    "xmas": FIN | PSH | URG,
    "data": PSH | ACK,
    "first-fragment": PSH | ACK,
    "later-fragment": PSH | ACK,
}
FRAGMENTS: tuple[Kind, ...] = ("first-fragment", "later-fragment")
PART = 32  # bytes of a segment in a fragment: a multiple of 8, and it still fits behind IPv6's fragment header
SINGLE = tuple(FLAGS)  # every kind but mixed, which is all of these in turn
MIXED: Kind = "mixed"

# As Linux 6 sends them: MSS 1460, SACK permitted, timestamps, NOP, window scale 7
LINUX_OPTIONS = bytes.fromhex("020405b4 0402 080a 00c0ffee 00000000 01 030307")
PAYLOAD = b"GET /ab HTTP/1.0\r\n\r\n"  # as long as those options

# Pace, for a veth's queue of 256 frames: what comes in so many microseconds comes at once, as a card's interrupts have it
BURST_US, MOST_BURST = 25, 32
# Handed over to the kernel together, and the receiver woken once. The kernel keeps as many pages ready for frames; what is
# under way beyond that goes through its page allocator, from one CPU to the other, which costs the receiver as much again
BATCH_US, MOST_BATCH = 100, 128

Template = np.dtype(
    [
        ("acknowledged", "u8"),  # mask of the random acknowledgment number: 0 without ACK
        ("fragment", "u8"),  # 1: a fragment, whose identification is random
        ("network_sum", "u8"),  # of the IPv4 header without source and identification
        ("transport_sum", "u8"),  # of pseudo-header and TCP segment without source, source port, sequence numbers
        ("frame", "u1", (LARGEST,)),
    ],
    align=True,
)
Recipe = np.dtype(
    [
        ("state", "u8"),  # of the random numbers; never 0
        ("sent", "u8"),  # frames handed to the interface so far
        ("limit", "u8"),  # frames to send in all
        ("burst", "u8"),  # frames that come one right behind the other
        ("between_ns", "u8"),  # from burst to burst; 0: as fast as it goes
        ("next_ns", "u8"),  # when the next burst is due
        ("left", "u8"),  # how many of this burst are still to come
        ("version", "u8"),  # 4 or 6
        ("size", "u8"),  # of the frames: one of SIZES
        ("source_high", "u8"),  # as it lies in memory: what all sources share, and which bits are random
        ("source_low", "u8"),
        ("random_high", "u8"),
        ("random_low", "u8"),
        ("kinds", "u8"),  # how many templates there are
        ("turn", "u8"),  # which one is next
        ("templates", Template, (MOST_KINDS,)),
    ],
    align=True,
)
RECIPE = Table("recipe", "array", 4, Recipe.itemsize, 1)
KEY = bytes(4)


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


def kinds_of(kind: Kind) -> tuple[Kind, ...]:
    """What a flood of this kind is made of."""
    return SINGLE if kind == MIXED else (kind,)


def sources_of(target: Target, sources: str = "") -> Network:
    """The network that a flood claims to come from; ValueError unless it is a part of FLOOD_4 or FLOOD_6. "": all of it."""
    every = FLOOD_4 if target.version == 4 else FLOOD_6
    network = ipaddress.ip_network(sources or every)
    if network.version != every.version or not network.subnet_of(every):  # type: ignore[arg-type]
        raise ValueError(f"a flood to {target.address} claims to come from {every} or a part of it, not from {network}")
    return network


def frame_for(target: Target, kind: Kind, options: Options) -> bytes:
    """The frame without its random fields, checksums zero, padded to one of SIZES; of a mixed flood, the first kind's."""
    return _frames_for(target, kind, options)[0]


def recipe_for(
    target: Target, kind: Kind, options: Options, *, limit: int, rate: int, seed: int = 0, sources: str = ""
) -> bytes:
    """The record for the table. `rate` in frames per second, 0: as many as possible; `seed` 0: a random one.

    `sources`: as for `sources_of`.
    """
    frames = _frames_for(target, kind, options)
    network = sources_of(target, sources)
    record = np.zeros((), Recipe)
    record["state"] = seed or secrets.randbits(64) | 1
    record["limit"] = limit
    burst = part_of(rate, BURST_US, MOST_BURST)
    record["burst"], record["between_ns"] = burst, 10**9 * burst // rate if rate else 0
    record["version"], record["size"] = target.version, len(frames[0])
    record["source_high"], record["source_low"] = _words(network.network_address)
    record["random_high"], record["random_low"] = _words(network.hostmask)
    record["kinds"] = len(frames)
    for place, (single, frame) in enumerate(zip(kinds_of(kind), frames, strict=True)):
        record["templates"][place] = _template(target, single, options, frame)
    return record.tobytes()


def part_of(rate: int, microseconds: int, most: int) -> int:
    """Frames that come in so many microseconds at this rate: at least one, and no more than `most`."""
    return max(1, min(most, rate * microseconds // 10**6))


def words_sum(data: bytes) -> int:
    """16-bit words added up in this machine's byte order, as the program does it; RFC 1071: any order will do."""
    return sum(struct.unpack(f"={len(data) // 2}H", data))


def _words(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> tuple[int, int]:
    """An address as two words in memory; IPv4 is the low 32 bits of the second."""
    if address.version == 4:
        return 0, int.from_bytes(address.packed, "little")
    return int.from_bytes(address.packed[:8], "little"), int.from_bytes(address.packed[8:], "little")


def _frames_for(target: Target, kind: Kind, options: Options) -> list[bytes]:
    """One frame for each kind of frame that the flood is made of, all padded to the same length."""
    frames = [_frame(target, single, _segment(target, single, options)) for single in kinds_of(kind)]
    size = next(size for size in SIZES[target.version] if size >= max(map(len, frames)))
    return [frame.ljust(size, b"\0") for frame in frames]


def _segment(target: Target, kind: Kind, options: Options) -> bytes:
    """The TCP segment; of a fragment, the part of one that it carries."""
    carried = LINUX_OPTIONS if kind == "syn" and options == "linux" else b""
    data = PAYLOAD if kind in ("data", *FRAGMENTS) else b""
    tcp = struct.pack("!HHIIBBHHH", 0, target.port, 0, 0, (5 + len(carried) // 4) << 4, FLAGS[kind], 64240, 0, 0)
    return (tcp + carried + data)[: PART if kind in FRAGMENTS else LARGEST]


def _frame(target: Target, kind: Kind, segment: bytes) -> bytes:
    """Ethernet and IP headers before the segment."""
    destination = ipaddress.ip_address(target.address).packed
    more, offset = kind == "first-fragment", PART if kind == "later-fragment" else 0
    if target.version == 4:
        place = more << 13 | offset >> 3 if kind in FRAGMENTS else 0x4000  # DF
        size = 20 + len(segment)
        ip = struct.pack("!BBHHHBBHI4s", 0x45, 0, size, 0, place, 64, 6, 0, 0, destination)
        ethertype = b"\x08\x00"
    else:
        extension = struct.pack("!BBHI", 6, 0, offset | more, 0) if kind in FRAGMENTS else b""
        following, size = 44 if extension else 6, len(extension) + len(segment)
        ip = struct.pack("!IHBB16x16s", 6 << 28, size, following, 64, destination) + extension
        ethertype = b"\x86\xdd"
    return target.next_mac + target.source_mac + ethertype + ip + segment


def _template(target: Target, kind: Kind, options: Options, frame: bytes) -> np.ndarray[tuple[()], np.dtype[np.void]]:
    """The Template record of a frame."""
    segment = _segment(target, kind, options)
    pseudo = ipaddress.ip_address(target.address).packed + struct.pack("!HH", 6, len(segment))
    template = np.zeros((), Template)
    template["acknowledged"] = 0xFFFFFFFF if FLAGS[kind] & ACK else 0
    template["fragment"] = kind in FRAGMENTS
    template["network_sum"] = words_sum(frame[14:34]) if target.version == 4 else 0
    template["transport_sum"] = words_sum(pseudo) + words_sum(segment)
    template["frame"] = np.frombuffer(frame.ljust(LARGEST, b"\0"), np.uint8)
    return template
