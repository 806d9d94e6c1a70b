"""From the bytes of a frame to an IP packet, and on to a TCP segment: outside-in, each read checked.

`network` and `transport` are the two steps; what ails a packet or a segment is a `Flaw`, which fronts and agents call by
different names. `parse` is both, with the agent's names.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import Enum

from hardtack.packet.reasons import Reason

TAGS = (0x8100, 0x88A8)  # 802.1Q, 802.1ad
MOST_TAGS = 2
IPV4, IPV6 = 0x0800, 0x86DD
TCP = 6
EXTENSIONS = HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION = 0, 43, 44, 60  # the headers that are walked past
MOST_EXTENSIONS = 6


class Flaw(Enum):
    """Why there is no whole segment in an IP packet."""

    cut = "the frame ends within a header"
    chain = "extension headers that nobody needs"
    first_fragment = "the first fragment"
    later_fragment = "a later fragment"
    impossible = "a TCP header of impossible length"


@dataclass(frozen=True)
class Packet:
    """An IP packet. `room` is how many bytes its length says there are from the transport header's first byte on.

    Behind a flaw, `protocol` is what follows the header in which it was found.
    """

    link: bytes  # the Ethernet header with its tags
    version: int
    header: bytes  # IPv4 with its options, or IPv6's 40 bytes
    ecn: int
    source: bytes
    destination: bytes
    protocol: int
    transport: bytes  # what the frame holds from the transport header's first byte on, padding and all
    room: int
    flaw: Flaw | None = None


@dataclass(frozen=True)
class Segment:
    """A TCP segment: the packet that it came in, and its header's fields."""

    packet: Packet
    source_port: int
    destination_port: int
    seq: int
    ack: int
    flags: int
    options: bytes
    payload: int  # bytes of it, as IP counts

    @property
    def link(self) -> bytes:
        """The Ethernet header with its tags."""
        return self.packet.link

    @property
    def has_payload(self) -> bool:
        """Whether it carries data."""
        return self.payload > 0


def parse(frame: bytes) -> Segment | Reason:
    """The segment in a frame, or why an agent does not judge it."""
    packet = network(frame)
    if isinstance(packet, Reason):
        return packet
    if packet.flaw in (Flaw.first_fragment, Flaw.later_fragment):
        return Reason.fragment
    if packet.flaw == Flaw.chain:
        return Reason.extension
    if packet.flaw == Flaw.cut:
        return Reason.truncated
    if packet.protocol != TCP:
        return Reason.not_tcp
    segment = transport(packet)
    if isinstance(segment, Flaw):
        return Reason.truncated if segment == Flaw.cut else Reason.bad_header
    return segment


def network(frame: bytes) -> Packet | Reason:
    """The IP packet in a frame, or why there is none whose addresses are known."""
    if len(frame) < 14:
        return Reason.truncated
    at, tags = 14, 0
    ethertype = int.from_bytes(frame[12:14], "big")
    while ethertype in TAGS and tags < MOST_TAGS:
        if len(frame) < at + 4:
            return Reason.truncated
        ethertype = int.from_bytes(frame[at + 2 : at + 4], "big")
        at, tags = at + 4, tags + 1
    if ethertype == IPV4:
        return ipv4(frame[:at], frame[at:])
    if ethertype == IPV6:
        return ipv6(frame[:at], frame[at:])
    return Reason.not_ip


def ipv4(link: bytes, data: bytes) -> Packet | Reason:
    """RFC 791 3.1."""
    if len(data) < 20:
        return Reason.truncated
    version, ihl = data[0] >> 4, data[0] & 0xF
    if version != 4 or ihl < 5:
        return Reason.bad_header
    size = ihl * 4
    if len(data) < size:
        return Reason.truncated
    total, _, flags_and_offset = struct.unpack("!HHH", data[2:8])
    if total < size:
        return Reason.bad_header
    flaw = None
    if flags_and_offset & 0x1FFF:
        flaw = Flaw.later_fragment
    elif flags_and_offset & 0x2000:  # more fragments
        flaw = Flaw.first_fragment
    ends = data[12:16], data[16:20]
    return Packet(link, 4, data[:size], data[1] & 3, *ends, data[9], data[size:], total - size, flaw)


def ipv6(link: bytes, data: bytes) -> Packet | Reason:
    """RFC 8200 3 and 4. The chain's own length is checked at its end, against the payload length."""
    if len(data) < 40:
        return Reason.truncated
    if data[0] >> 4 != 6:
        return Reason.bad_header
    payload_length = int.from_bytes(data[4:6], "big")
    ecn = data[1] >> 4 & 3  # the low bits of the traffic class
    following, at, flaw = chain(data)
    return Packet(
        link, 6, data[:40], ecn, data[8:24], data[24:40], following, data[at:], payload_length - (at - 40), flaw
    )


def chain(data: bytes) -> tuple[int, int, Flaw | None]:
    """What follows an IPv6 packet's extension headers, at which byte, and what is wrong with them."""
    following, at, walked = data[6], 40, 0
    while following in EXTENSIONS:
        walked += 1
        if walked > MOST_EXTENSIONS:
            return following, at, Flaw.chain
        header = data[at : at + 8]
        if len(header) < 8:
            return following, at, Flaw.cut
        if following == ROUTING and header[3] != 0:  # segments left
            return header[0], at, Flaw.chain
        if following == FRAGMENT:
            offset_and_more = int.from_bytes(header[2:4], "big")
            if offset_and_more & 0xFFF8:
                return header[0], at + 8, Flaw.later_fragment
            if offset_and_more & 1:  # not the reserved bits
                return header[0], at + 8, Flaw.first_fragment
        at += 8 if following == FRAGMENT else (header[1] + 1) * 8
        following = header[0]
    return following, at, None


def transport(packet: Packet) -> Segment | Flaw:
    """The TCP segment in a packet that carries one: RFC 9293 3.1."""
    data = packet.transport
    if len(data) < 20:
        return Flaw.cut
    size = (data[12] >> 4) * 4
    if size < 20:
        return Flaw.impossible
    if len(data) < size:
        return Flaw.cut
    if packet.room < size:
        return Flaw.impossible
    source_port, destination_port, seq, ack = struct.unpack("!HHII", data[:12])
    return Segment(packet, source_port, destination_port, seq, ack, data[13], data[20:size], packet.room - size)
