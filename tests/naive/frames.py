"""Frames from their fields: every field can be set, and checksums and lengths are right unless they are."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address

from naive.checksum import checksum

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << bit for bit in range(8))  # RFC 9293 3.1, RFC 3168
TCP, HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION = 6, 0, 43, 44, 60  # IP protocol numbers
VLAN, PROVIDER = 0x8100, 0x88A8  # 802.1Q, 802.1ad
UDP, ICMP, ICMP6, GRE, SCTP = 17, 1, 58, 47, 132
DO_NOT_FRAGMENT, MORE_FRAGMENTS = 0x4000, 0x2000
LINUX = bytes.fromhex("020405b40402080a010203040000000001030307")  # options of a SYN: MSS SACK TS NOP WS


def packed(address: str) -> bytes:
    """An address as 4 or 16 bytes in network order."""
    return ip_address(address).packed


@dataclass(frozen=True)
class Tcp:
    """A TCP segment. `doff` in 32-bit words; `reserved` is the low half of its byte (its last bit: AE, once NS)."""

    source_port: int = 40000
    destination_port: int = 443
    seq: int = 0xDEADBEEF
    ack: int = 0
    flags: int = SYN
    window: int = 64240
    options: bytes = b""
    payload: bytes = b""
    urgent: int = 0
    reserved: int = 0
    doff: int | None = None
    checksum: int | None = None

    def encode(self, source: str, destination: str) -> bytes:
        """The segment's bytes, summed with the pseudo header of RFC 9293 3.1 or RFC 8200 8.1."""
        doff = (20 + len(self.options)) // 4 if self.doff is None else self.doff
        ports = struct.pack("!HHII", self.source_port, self.destination_port, self.seq, self.ack)
        middle = struct.pack("!BBH", doff << 4 | self.reserved, self.flags, self.window)
        rest = struct.pack("!H", self.urgent) + self.options + self.payload
        length = len(ports + middle + b"\0\0" + rest)
        pseudo = packed(source) + packed(destination) + struct.pack("!II", TCP, length)
        total = checksum(pseudo + ports + middle + b"\0\0" + rest) if self.checksum is None else self.checksum
        return ports + middle + struct.pack("!H", total) + rest


@dataclass(frozen=True)
class IPv4:
    """An IPv4 header. `fragment` is the 16-bit field of flags and offset; `ihl` in 32-bit words."""

    source: str = "198.51.100.7"
    destination: str = "192.0.2.10"
    options: bytes = b""
    tos: int = 0
    identification: int = 0x1234
    fragment: int = DO_NOT_FRAGMENT
    ttl: int = 57
    protocol: int = TCP
    version: int = 4
    ihl: int | None = None
    total: int | None = None
    checksum: int | None = None

    ethertype = 0x0800

    def encode(self, payload: bytes) -> bytes:
        """The packet's bytes."""
        size = 20 + len(self.options)
        ihl = size // 4 if self.ihl is None else self.ihl
        total = size + len(payload) if self.total is None else self.total
        fields = (self.version << 4 | ihl, self.tos, total, self.identification, self.fragment, self.ttl, self.protocol)
        addresses = packed(self.source) + packed(self.destination)
        bare = struct.pack("!BBHHHBBH", *fields, 0) + addresses + self.options
        value = checksum(bare) if self.checksum is None else self.checksum
        return struct.pack("!BBHHHBBH", *fields, value) + addresses + self.options + payload


@dataclass(frozen=True)
class Extension:
    """An IPv6 extension header: its own number and all of its bytes but the first, which names the next header."""

    kind: int
    rest: bytes


@dataclass(frozen=True)
class IPv6:
    """An IPv6 header and its chain of extension headers; `next_header` is what follows the chain."""

    source: str = "2001:db8::1"
    destination: str = "2001:db8::2"
    extensions: Sequence[Extension] = ()
    traffic_class: int = 0
    flow_label: int = 0xABCDE
    hop_limit: int = 57
    next_header: int = TCP
    version: int = 6
    payload_length: int | None = None

    ethertype = 0x86DD

    def encode(self, payload: bytes) -> bytes:
        """The packet's bytes."""
        numbers = [extension.kind for extension in self.extensions] + [self.next_header]
        chain = b"".join(
            bytes([following]) + extension.rest
            for extension, following in zip(self.extensions, numbers[1:], strict=True)
        )
        length = len(chain + payload) if self.payload_length is None else self.payload_length
        first = self.version << 28 | self.traffic_class << 20 | self.flow_label
        header = struct.pack("!IHBB", first, length, numbers[0], self.hop_limit)
        return header + packed(self.source) + packed(self.destination) + chain + payload


@dataclass(frozen=True)
class Ethernet:
    """An Ethernet header. `tags`, outermost first: (tag type, the 16 bits of priority and VLAN number)."""

    source: bytes = bytes.fromhex("020000000c01")
    destination: bytes = bytes.fromhex("020000000f01")
    tags: Sequence[tuple[int, int]] = ()

    def encode(self, ethertype: int, payload: bytes) -> bytes:
        """The frame's bytes, without padding and frame check sequence."""
        tags = b"".join(struct.pack("!HH", *tag) for tag in self.tags)
        return self.destination + self.source + tags + struct.pack("!H", ethertype) + payload


def frame(ip: IPv4 | IPv6 | None = None, tcp: Tcp | None = None, link: Ethernet | None = None) -> bytes:
    """A whole frame; left to the defaults, a bare SYN over IPv4."""
    ip, tcp, link = ip or IPv4(), tcp or Tcp(), link or Ethernet()
    return link.encode(ip.ethertype, ip.encode(tcp.encode(ip.source, ip.destination)))


def carrying(ip: IPv4 | IPv6, protocol: int, payload: bytes, link: Ethernet | None = None) -> bytes:
    """A frame with a packet of another protocol."""
    ip = replace(ip, protocol=protocol) if isinstance(ip, IPv4) else replace(ip, next_header=protocol)
    return (link or Ethernet()).encode(ip.ethertype, ip.encode(payload))


def datagram(source: int, destination: int, payload: bytes = b"") -> bytes:
    """RFC 768; without a checksum."""
    return struct.pack("!HHHH", source, destination, 8 + len(payload), 0) + payload


def padded(short: bytes, to: int = 60) -> bytes:
    """A frame with the zeros that Ethernet adds to reach 64 bytes with the check sequence (IEEE 802.3 4.2.3.3)."""
    return short.ljust(to, b"\0")


def options_header(more: int = 0) -> bytes:
    """The `rest` of a hop-by-hop or destination options header of 8 * (1 + more) bytes, all Pad1 (RFC 8200 4.2)."""
    return bytes([more]) + bytes(6 + 8 * more)


def routing_header(segments_left: int, kind: int = 0, addresses: int = 1) -> bytes:
    """The `rest` of a routing header with room for some addresses (RFC 8200 4.4)."""
    return bytes([2 * addresses, kind, segments_left]) + bytes(4 + 16 * addresses)


def fragment_header(offset: int = 0, more: bool = False, reserved: int = 0) -> bytes:
    """The `rest` of a fragment header; offset in units of 8 bytes (RFC 8200 4.5)."""
    return bytes([0]) + struct.pack("!HI", offset << 3 | reserved << 1 | int(more), 0x12345678)
