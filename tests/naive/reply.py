"""The SYN-ACK: the cookie, and every byte of the frame that carries it."""

from __future__ import annotations

import struct

from naive import checksum, cookie, options
from naive.parse import Segment
from naive.state import Host

SYN, ACK, ECE, CWR = 0x02, 0x10, 0x40, 0x80
WINDOW, TTL = 64240, 64  # cookie.md, "The SYN-ACK"
SHORTEST = 60  # bytes of the shortest Ethernet frame, without its check sequence


def reply(frame: bytes, segment: Segment, host: Host, key: bytes, now_ms: int) -> bytes:
    """The frame that answers a SYN. Padding of the shortest Ethernet frames stays."""
    answered = answer(segment, host, key, now_ms)
    if not segment.has_payload and len(answered) <= len(frame) <= SHORTEST:
        answered += frame[len(answered) :]
    return answered


def answer(segment: Segment, host: Host, key: bytes, now_ms: int) -> bytes:
    """The SYN-ACK, from Ethernet's first byte to the last TCP option."""
    packet = segment.packet
    offer = options.spoken(options.parse(segment.options), host.speaks)
    timestamps = offer.tsval is not None
    ecn = timestamps and segment.flags & ECE != 0 and segment.flags & CWR != 0 and packet.ecn == 0 and "ecn" in host.speaks
    flow = cookie.Flow(packet.source, packet.destination, segment.source_port, segment.destination_port)
    o = cookie.options_byte(offer, packet.version)
    fine = cookie.fine_bits(offer, packet.version)
    ours = cookie.make(key, flow, segment.seq, o, now_ms, timestamps=timestamps, ecn=ecn, fine=fine, scale=host.scale)

    sent = options.build(host.mss, offer, ours.tsval, host.scale)
    length = 20 + len(sent)
    flags = SYN | ACK | (ECE if ecn else 0)
    before = struct.pack("!HHII", flow.destination_port, flow.source_port, ours.isn, (segment.seq + 1) & 0xFFFFFFFF)
    before += struct.pack("!BBH", length // 4 << 4, flags, WINDOW)
    after = b"\0\0" + sent  # the urgent pointer
    pseudo = packet.destination + packet.source + struct.pack("!II", 6, length)
    total = checksum.checksum(pseudo + before + b"\0\0" + after)
    tcp = before + struct.pack("!H", total) + after

    link = segment.link[6:12] + segment.link[0:6] + segment.link[12:]
    return link + ip_header(packet.version, packet.destination, packet.source, length) + tcp


def ip_header(version: int, source: bytes, destination: bytes, length: int) -> bytes:
    """The IP header before `length` bytes of TCP."""
    if version == 6:
        return struct.pack("!IHBB", 6 << 28, length, 6, TTL) + source + destination
    before = struct.pack("!BBHHHBB", 0x45, 0, 20 + length, 0, 0x4000, TTL, 6)
    total = checksum.checksum(before + b"\0\0" + source + destination)
    return before + struct.pack("!H", total) + source + destination
