"""What answers a SYN: a SYN-ACK with a cookie, or a challenge; and every byte of the frame that carries it."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from naive import challenge as challenges
from naive import checksum, cookie, options
from naive.moment import WORD
from naive.parse import Segment
from naive.state import Host

SYN, ACK, ECE, CWR = 0x02, 0x10, 0x40, 0x80
WINDOW, TTL = 64240, 64  # cookie.md, "The SYN-ACK"
SHORTEST = 60  # bytes of the shortest Ethernet frame, without its check sequence


@dataclass(frozen=True)
class Numbers:
    """What tells one answer from another, but for its options."""

    sequence: int
    acknowledgment: int
    flags: int


def reply(frame: bytes, segment: Segment, host: Host, key: bytes, now_ms: int) -> bytes:
    """The frame that answers a SYN with a cookie."""
    packet, offer = segment.packet, spoken(segment, host)
    o, fine = cookie.options_byte(offer, packet.version), cookie.fine_bits(offer, packet.version)
    timestamps, ecn = offer.tsval is not None, accepts_ecn(segment, host)
    flow = flow_of(segment)
    ours = cookie.make(key, flow, segment.seq, o, now_ms, timestamps=timestamps, ecn=ecn, fine=fine, scale=host.scale)
    numbers = Numbers(ours.isn, (segment.seq + 1) % WORD, SYN | ACK | (ECE if ecn else 0))
    sent = options.build(host.mss, offer, ours.tsval, host.scale)
    return padded(frame, segment, answer(segment, numbers, sent))


def challenge(frame: bytes, segment: Segment, key: bytes, now_ms: int) -> bytes:
    """The frame that answers it with a challenge."""
    ours = challenges.make(key, flow_of(segment), segment.seq, now_ms)
    return padded(frame, segment, answer(segment, Numbers(ours.sequence, ours.acknowledgment, ACK), b""))


def padded(frame: bytes, segment: Segment, answered: bytes) -> bytes:
    """Padding of the shortest Ethernet frames stays."""
    if not segment.has_payload and len(answered) <= len(frame) <= SHORTEST:
        answered += frame[len(answered) :]
    return answered


def flow_of(segment: Segment) -> cookie.Flow:
    """What tags are over."""
    packet = segment.packet
    return cookie.Flow(packet.source, packet.destination, segment.source_port, segment.destination_port)


def spoken(segment: Segment, host: Host) -> options.Offer:
    """What the client offers, as far as the host takes it."""
    return options.spoken(options.parse(segment.options), host.speaks)


def accepts_ecn(segment: Segment, host: Host) -> bool:
    """By Linux's rule for cookies."""
    if spoken(segment, host).tsval is None or "ecn" not in host.speaks:
        return False
    return segment.flags & (ECE | CWR) == ECE | CWR and segment.packet.ecn == 0


def answer(segment: Segment, numbers: Numbers, sent: bytes) -> bytes:
    """From Ethernet's first byte to the last of the TCP options that are `sent`."""
    packet, length = segment.packet, 20 + len(sent)
    before = struct.pack("!HH", segment.destination_port, segment.source_port)
    before += struct.pack("!IIBBH", numbers.sequence, numbers.acknowledgment, length // 4 << 4, numbers.flags, WINDOW)
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
