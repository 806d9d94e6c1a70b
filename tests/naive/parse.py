"""From the bytes of a frame to a TCP segment, or to the reason why it is none: outside-in, each read checked."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from hardtack.packet.reasons import Reason

TAGS = (0x8100, 0x88A8)  # 802.1Q, 802.1ad
MOST_TAGS = 2
IPV4, IPV6 = 0x0800, 0x86DD
TCP = 6
HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION = 0, 43, 44, 60  # the extension headers that are walked past
MOST_EXTENSIONS = 6


@dataclass(frozen=True)
class Packet:
    """An IP packet that carries TCP. `room` is how many bytes its length says there are from TCP's first byte on."""

    version: int
    header: bytes  # IPv4 with its options, or IPv6's 40 bytes
    ecn: int
    source: bytes
    destination: bytes
    transport: bytes  # what the frame holds from TCP's first byte on, padding and all
    room: int


@dataclass(frozen=True)
class Segment:
    """A frame parsed: its Ethernet header with tags, its IP packet, its TCP header's fields."""

    link: bytes
    packet: Packet
    source_port: int
    destination_port: int
    seq: int
    flags: int
    options: bytes
    has_payload: bool


def parse(frame: bytes) -> Segment | Reason:
    """The segment in a frame. Whether anybody wants it, and what it says, is for `decide`."""
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
        packet = parse_ipv4(frame[at:])
    elif ethertype == IPV6:
        packet = parse_ipv6(frame[at:])
    else:
        return Reason.not_ip
    if isinstance(packet, Reason):
        return packet
    return parse_tcp(frame[:at], packet)


def parse_ipv4(data: bytes) -> Packet | Reason:
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
    if flags_and_offset & 0x3FFF:  # more fragments, or an offset
        return Reason.fragment
    if data[9] != TCP:
        return Reason.not_tcp
    return Packet(4, data[:size], data[1] & 3, data[12:16], data[16:20], data[size:], total - size)


def parse_ipv6(data: bytes) -> Packet | Reason:
    """RFC 8200 3 and 4. The chain's own length is checked at its end, against the payload length."""
    if len(data) < 40:
        return Reason.truncated
    if data[0] >> 4 != 6:
        return Reason.bad_header
    payload_length = int.from_bytes(data[4:6], "big")
    following, at, walked = data[6], 40, 0
    while following in (HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION):
        walked += 1
        if walked > MOST_EXTENSIONS:
            return Reason.extension
        header = data[at : at + 8]
        if len(header) < 8:
            return Reason.truncated
        if following == ROUTING and header[3] != 0:  # segments left
            return Reason.extension
        if following == FRAGMENT and int.from_bytes(header[2:4], "big") & 0xFFF9:  # offset, more; not the reserved bits
            return Reason.fragment
        at += 8 if following == FRAGMENT else (header[1] + 1) * 8
        following = header[0]
    if following != TCP:
        return Reason.not_tcp
    ecn = data[1] >> 4 & 3  # the low bits of the traffic class
    return Packet(6, data[:40], ecn, data[8:24], data[24:40], data[at:], payload_length - (at - 40))


def parse_tcp(link: bytes, packet: Packet) -> Segment | Reason:
    """RFC 9293 3.1."""
    data = packet.transport
    if len(data) < 20:
        return Reason.truncated
    size = (data[12] >> 4) * 4
    if size < 20:
        return Reason.bad_header
    if len(data) < size:
        return Reason.truncated
    if packet.room < size:
        return Reason.bad_header
    source_port, destination_port, seq = struct.unpack("!HHI", data[:8])
    has_payload = packet.room > size
    return Segment(link, packet, source_port, destination_port, seq, data[13], data[20:size], has_payload)
