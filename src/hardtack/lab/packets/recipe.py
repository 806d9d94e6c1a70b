"""What the flood's program is told, and what it counts: one record in one table. NumPy and the standard library only.

Frames are built here, in plain Python, with their random fields zero; the program copies them and fills those in. So the
program needs to know nothing about options and flags, and anything can be flooded with.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from hardtack.image import Table

Kind = Literal[
    "syn", "ack", "rst", "fin", "syn-ack", "null", "xmas", "data", "first-fragment", "later-fragment", "mixed",
    "known", "known-syn", "known-rst", "known-icmp", "guess", "guess-count", "filler", "tenant", "icmp",
]  # fmt: skip
Options = Literal["linux", "none"]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Where a flood claims to come from: addresses for benchmarks (RFC 2544) and documentation (RFC 3849)
FLOOD_4, FLOOD_6 = ipaddress.IPv4Network("198.18.0.0/15"), ipaddress.IPv6Network("2001:db8:f100::/40")

# Whose name floods by name may be sent in: RFC 5737, RFC 3849
DOCUMENTATION: tuple[Network, ...] = (
    FLOOD_4,
    *map(ipaddress.IPv4Network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")),
    ipaddress.IPv6Network("2001:db8::/32"),
)

LARGEST = 96  # bytes of a frame, in whole words: Ethernet, IPv6, TCP with Linux's options is 94
SHORTEST = 60  # IEEE 802.3, without the frame check sequence
SPARE = 1  # bytes that live frames are too long: see packets/flood.py
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
WITH_PAYLOAD: tuple[Kind, ...] = ("data", *FRAGMENTS)
PART = 32  # bytes of a segment in a fragment: a multiple of 8, and it still fits behind IPv6's fragment header
SINGLE = tuple(FLAGS)  # every kind but mixed, which is all of these in turn
MIXED: Kind = "mixed"
ICMP: Kind = "icmp"  # destination unreachable, quoting a segment; IPv4 only: an IPv6 one is longer than LARGEST
# Floods by name, and the frames that they are made of, in turn
NAMED: dict[Kind, tuple[Kind, ...]] = {
    MIXED: SINGLE,
    "known": ("ack",),  # of connections that somebody has really opened
    "known-syn": ("syn",),
    "known-rst": ("rst",),
    "known-icmp": (ICMP,),
    "guess": ("ack",),  # one connection, and numbers tried until one is right
    "guess-count": ("ack",),
    "filler": ("syn",),  # handshakes: the sink answers the SYN-ACKs that come back, see yardsticks.py
    "tenant": ("rst", "ack", "syn"),  # sent by a host in the name of another
}
CALLED: tuple[Kind, ...] = ("known", "known-syn", "known-rst", "known-icmp", "guess", "guess-count", "tenant")
EPHEMERAL = 0x8000  # ports of floods begin here, but for the filler's, which end here: so the sink tells them apart

# As Linux 6 sends them: MSS 1460, SACK permitted, timestamps, NOP, window scale 7
LINUX_OPTIONS = bytes.fromhex("020405b4 0402 080a 00c0ffee 00000000 01 030307")
PAYLOAD = b"GET /ab HTTP/1.0\r\n\r\n"  # as long as those options

# Words as they lie in memory. `random_...`: which bits of a field are random; the others are as given
Template = np.dtype(
    [
        ("fragment", "u8"),  # 1: a fragment, whose identification is random
        ("fixed", "u8"),  # 1: sent as it is
        ("counted", "u8"),  # 1: the acknowledgment number counts up
        ("source_high", "u8"),
        ("source_low", "u8"),
        ("random_high", "u8"),
        ("random_low", "u8"),
        ("port", "u8"),  # the source's
        ("random_port", "u8"),
        ("random_to", "u8"),  # of the destination's port, which then is 0 in the frame
        ("sequence", "u8"),
        ("random_sequence", "u8"),
        ("acknowledgment", "u8"),
        ("random_acknowledgment", "u8"),
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
        ("kinds", "u8"),  # how many templates there are
        ("turn", "u8"),  # which one is next
        ("templates", Template, (MOST_KINDS,)),
    ],
    align=True,
)
RECIPE = Table("recipe", "array", 4, Recipe.itemsize, 1)
KEY = bytes(4)


@dataclass(frozen=True)
class Caller:
    """In whose name frames are sent: address, port, and the numbers of the segments; None: random ones."""

    address: str
    port: int
    sequence: int | None = None
    acknowledgment: int | None = None


@dataclass(frozen=True)
class Marks:
    """What all frames of a flood have alike, as those of an attacker's tool do.

    `ttl`: or hop limit. `source_port`, `sequence`: None: random ones. `options`: of SYNs, in place of Linux's. `payload`:
    None: PAYLOAD, where the kind has one. What is too long for a flood's frames is a ValueError.
    """

    ttl: int = 64
    window: int = 64240
    source_port: int | None = None
    sequence: int | None = None
    options: bytes = LINUX_OPTIONS
    payload: bytes | None = None

    def __post_init__(self) -> None:
        for field, most, unit in (("options", len(LINUX_OPTIONS), 4), ("payload", len(PAYLOAD), 2)):
            size = len(getattr(self, field) or b"")
            if size > most or size % unit:
                raise ValueError(f"{field} of {size} bytes: a flood takes multiples of {unit}, and {most} at most")


@dataclass(frozen=True)
class Target:
    """Where a flood goes: the destination and the MAC addresses of sender and next hop (6 bytes each).

    Port 0: random ports. `marks`: what its frames have alike.
    """

    address: str
    port: int
    source_mac: bytes
    next_mac: bytes
    marks: Marks = Marks()

    @property
    def version(self) -> int:
        """4 or 6."""
        return ipaddress.ip_address(self.address).version


def kinds_of(kind: Kind) -> tuple[Kind, ...]:
    """What a flood of this kind is made of."""
    return NAMED.get(kind, (kind,))


def sources_of(target: Target, sources: str = "") -> Network:
    """The network that a flood claims to come from; ValueError unless it is a part of FLOOD_4 or FLOOD_6. "": all of it."""
    every = FLOOD_4 if target.version == 4 else FLOOD_6
    network = ipaddress.ip_network(sources or every)
    if network.version != every.version or not network.subnet_of(every):  # type: ignore[arg-type]
        raise ValueError(f"a flood to {target.address} claims to come from {every} or a part of it, not from {network}")
    return network


def check_callers(target: Target, kind: Kind, callers: Sequence[Caller]) -> None:
    """ValueError if a flood by this name needs callers and has none, or too many, or addresses that are not the lab's."""
    if bool(callers) != (kind in CALLED):
        want = "takes no callers" if callers else "needs callers: in whose name it is sent"
        raise ValueError(f'a flood of "{kind}" {want}')
    if len(callers) * len(kinds_of(kind)) > MOST_KINDS:
        raise ValueError(f"{len(callers)} callers: a flood has room for {MOST_KINDS} different frames")
    for address in map(ipaddress.ip_address, (caller.address for caller in callers)):
        if address.version != target.version or not any(address in network for network in DOCUMENTATION):
            raise ValueError(f"a flood to {target.address} is sent in the name of addresses of the lab, not of {address}")
    if kind == "known-icmp" and target.version == 6:
        raise ValueError("an ICMPv6 error with a whole header in it is longer than a flood's frames: IPv4 only")


def frame_for(target: Target, kind: Kind, options: Options, callers: Sequence[Caller] = ()) -> bytes:
    """The frame without its random fields, checksums zero, padded to one of SIZES; of a mixed flood, the first kind's."""
    return padded(target, [frame for *_, frame in parts_of(target, kind, options, callers)])[0]


def words_sum(data: bytes) -> int:
    """16-bit words added up in this machine's byte order, as the program does it; RFC 1071: any order will do."""
    return sum(struct.unpack(f"={len(data) // 2}H", data))


def parts_of(
    target: Target, kind: Kind, options: Options, callers: Sequence[Caller]
) -> list[tuple[Kind, Caller | None, bytes, bytes]]:
    """For each kind of frame that the flood is made of, and each caller: kind, caller, TCP segment, frame."""
    made = []
    for single in kinds_of(kind):
        for caller in callers or (None,):
            segment = _segment(target, single, options if kind != "filler" else "none")
            quoted = _error(target, caller) if single == ICMP and caller else b""
            made.append((single, caller, segment, quoted or _frame(target, single, segment)))
    return made


def padded(target: Target, frames: list[bytes]) -> list[bytes]:
    """All to the same length, one of SIZES."""
    size = next(size for size in SIZES[target.version] if size >= max(map(len, frames)))
    return [frame.ljust(size, b"\0") for frame in frames]


def _segment(target: Target, kind: Kind, options: Options) -> bytes:
    """The TCP segment; of a fragment, the part of one that it carries."""
    marks, flags = target.marks, FLAGS.get(kind, 0)
    carried = marks.options if kind == "syn" and options == "linux" else b""
    data = b""
    if kind in WITH_PAYLOAD:
        data = PAYLOAD if marks.payload is None else marks.payload
    tcp = struct.pack("!HHIIBBHHH", 0, target.port, 0, 0, (5 + len(carried) // 4) << 4, flags, marks.window, 0, 0)
    segment = tcp + carried + data
    return segment.ljust(PART, b"\0")[:PART] if kind in FRAGMENTS else segment


def _frame(target: Target, kind: Kind, segment: bytes) -> bytes:
    """Ethernet and IP headers before the segment."""
    destination = ipaddress.ip_address(target.address).packed
    more, offset = kind == "first-fragment", PART if kind == "later-fragment" else 0
    if target.version == 4:
        place = more << 13 | offset >> 3 if kind in FRAGMENTS else 0x4000  # DF
        size = 20 + len(segment)
        ip = struct.pack("!BBHHHBBHI4s", 0x45, 0, size, 0, place, target.marks.ttl, 6, 0, 0, destination)
        ethertype = b"\x08\x00"
    else:
        extension = struct.pack("!BBHI", 6, 0, offset | more, 0) if kind in FRAGMENTS else b""
        following, size = 44 if extension else 6, len(extension) + len(segment)
        ip = struct.pack("!IHBB16x16s", 6 << 28, size, following, target.marks.ttl, destination) + extension
        ethertype = b"\x86\xdd"
    return target.next_mac + target.source_mac + ethertype + ip + segment


def _error(target: Target, caller: Caller) -> bytes:
    """Port unreachable, from the caller, about a segment of the target's to it. RFC 792; whole, with its checksums."""
    here, there = (ipaddress.ip_address(address).packed for address in (target.address, caller.address))
    quoted = _ip(6, 40, here + there)
    quoted += struct.pack("!HHI", target.port, caller.port, (caller.acknowledgment or 0) & 0xFFFFFFFF)
    message = struct.pack("!BBHI", 3, 3, 0, 0) + quoted
    message = message[:2] + _checksum(message) + message[4:]
    ip = _ip(1, 20 + len(message), there + here)
    return target.next_mac + target.source_mac + b"\x08\x00" + ip + message


def _ip(protocol: int, size: int, addresses: bytes) -> bytes:
    """An IPv4 header."""
    ip = struct.pack("!BBHHHBBH", 0x45, 0, size, 0, 0x4000, 64, protocol, 0) + addresses
    return ip[:10] + _checksum(ip) + ip[12:]


def _checksum(data: bytes) -> bytes:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return (~total & 0xFFFF).to_bytes(2, "big")
