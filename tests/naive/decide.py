"""The SYN path's whole policy, slowly: frame, hosts, keys and now in; reason and frame out."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from hardtack.packet.reasons import Reason
from naive import checksum, cookie, options
from naive.parse import Segment, parse

FIN, SYN, RST, ACK, ECE, CWR = 0x01, 0x02, 0x04, 0x10, 0x40, 0x80
WINDOW, TTL = 64240, 64  # cookie.md, "The SYN-ACK"
SHORTEST = 60  # bytes of the shortest Ethernet frame, without its check sequence
PLENTY = 1 << 16
# The reasons of the front; the others are the agent's.
REASONS = {reason for reason in Reason if not Reason.not_ack <= reason <= Reason.behind}


@dataclass(frozen=True)
class Host:
    """A protected address: its TCP ports (None: all of them) and the MSS that its SYN-ACKs say."""

    ports: frozenset[int] | None
    mss: int


Hosts = Mapping[bytes, Host]  # by 16-byte address, IPv4 as ::ffff:a.b.c.d


def mapped(address: bytes) -> bytes:
    """An address as the hosts table knows it (RFC 4291 2.5.5.2)."""
    return address if len(address) == 16 else bytes(10) + b"\xff\xff" + address


def decide(frame: bytes, hosts: Hosts, keys: cookie.Keys, now_ms: int, room: int = PLENTY) -> tuple[Reason, bytes]:
    """What happens to a frame, and the frame as it leaves: the very same bytes unless the reason is `answered`.

    `room` is by how many bytes the engine can let a frame grow.
    """
    segment = parse(frame)
    if isinstance(segment, Reason):
        return segment, frame
    host = hosts.get(mapped(segment.packet.destination))
    reason = judge(segment, host)
    if reason is not None:
        return reason, frame
    assert host is not None
    key = keys.get(cookie.epoch(now_ms))
    if key is None:
        return Reason.no_key, frame
    reply = answer(segment, host, key, now_ms)
    if not segment.has_payload and len(reply) <= len(frame) <= SHORTEST:
        reply += frame[len(reply) :]
    if len(reply) > len(frame) + room:
        return Reason.no_room, frame
    return Reason.answered, reply


def judge(segment: Segment, host: Host | None) -> Reason | None:
    """Why a segment gets no answer; None if it is a SYN that wants one."""
    if host is None:
        return Reason.not_ours
    if host.ports is not None and segment.destination_port not in host.ports:
        return Reason.other_port
    if not segment.flags & SYN:
        return Reason.not_syn
    # The TCP checksum is not looked at: the client's own ACK proves that what it sent arrived.
    if segment.packet.version == 4 and not checksum.holds(segment.packet.header):
        return Reason.bad_checksum
    if segment.flags & FIN:
        return Reason.syn_fin
    if segment.flags & RST:
        return Reason.syn_rst
    if segment.flags & ACK:
        return Reason.not_syn
    return None


def answer(segment: Segment, host: Host, key: bytes, now_ms: int) -> bytes:
    """The SYN-ACK, from Ethernet's first byte to the last TCP option."""
    packet = segment.packet
    offer = options.parse(segment.options)
    timestamps = offer.tsval is not None
    ecn = timestamps and segment.flags & ECE != 0 and segment.flags & CWR != 0 and packet.ecn == 0
    flow = cookie.Flow(packet.source, packet.destination, segment.source_port, segment.destination_port)
    o = cookie.options_byte(offer, packet.version)
    ours = cookie.make(key, flow, segment.seq, o, now_ms, timestamps=timestamps, ecn=ecn)

    sent = options.build(host.mss, offer, ours.tsval)
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
