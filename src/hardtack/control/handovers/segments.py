"""The segments by which a host is asked, whole IP packets, and how its answers are read."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from hardtack.control.handovers.cookie import Cookie, Flow

FIN, SYN, RST, ACK = 1, 2, 4, 16
TCP, HOPS, WINDOW = 6, 64, 64240
LOW_32 = 0xFFFFFFFF
STAMPS = struct.Struct(">BBBBII")  # NOP NOP timestamps
MSS = {4: bytes.fromhex("020405b4"), 6: bytes.fromhex("020405a0")}  # 1460, 1440
OPEN, ENDED = 1, 2  # sequence numbers behind the SYN, and behind the FIN
HEADS = {4: 20, 6: 40}  # bytes of an IP header


@dataclass(frozen=True)
class Answer:
    """What a host says: addresses as in Flow, turned around."""

    source: bytes
    source_port: int
    flags: int
    sequence: int
    acknowledgment: int

    def is_to(self, flow: Flow, acknowledged: int) -> bool:
        """Whether it answers what was sent on this connection, with this acknowledgment number: RFC 9293 3.10.7.1."""
        if self.flags & ACK:
            return 0 < (self.acknowledgment - flow.isn) & LOW_32 <= ENDED
        return bool(self.flags & RST) and self.sequence == acknowledged


def syn(flow: Flow) -> bytes:
    """Asks whether somebody listens."""
    return packet(flow, SYN, flow.isn, 0, MSS[flow.version])


def bringing(flow: Flow, cookie: Cookie, tsval: int) -> list[bytes]:
    """The client's ACK with the cookie, and a FIN behind it: a host that has made a socket of it acknowledges that."""
    stamps = b"" if cookie.tsval is None else STAMPS.pack(1, 1, 8, 10, tsval, cookie.tsval)
    numbers = (flow.isn + OPEN) & LOW_32, (cookie.isn + 1) & LOW_32
    return [packet(flow, ACK, *numbers, stamps), packet(flow, FIN | ACK, *numbers, stamps)]


def reset(flow: Flow, sent: int) -> bytes:
    """Ends it, after so many sequence numbers: OPEN or ENDED."""
    return packet(flow, RST, (flow.isn + sent) & LOW_32, 0)


def packet(flow: Flow, flags: int, sequence: int, acknowledgment: int, options: bytes = b"") -> bytes:
    """RFC 9293 3.1, RFC 791, RFC 8200."""
    head = struct.pack(">HHII", flow.source_port, flow.destination_port, sequence, acknowledgment)
    head += struct.pack(">BBHHH", (20 + len(options)) << 2, flags, WINDOW, 0, 0)
    pseudo = flow.source + flow.destination + struct.pack(">II", len(head) + len(options), TCP)
    checksum = summed(pseudo + head + options)
    segment = head[:16] + struct.pack(">H", checksum) + head[18:] + options
    if flow.version == 6:
        return struct.pack(">IHBB", 6 << 28, len(segment), TCP, HOPS) + flow.source + flow.destination + segment
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(segment), 0, 0x4000, HOPS, TCP, 0) + flow.source + flow.destination
    return ip[:10] + struct.pack(">H", summed(ip)) + ip[12:] + segment


def summed(data: bytes) -> int:
    """The internet checksum: RFC 1071."""
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def read(data: bytes) -> Answer | None:
    """An IP packet with TCP in it; None if it is too short, or has IPv6 extension headers."""
    if not data:
        return None
    old = data[0] >> 4 == 4
    start = (data[0] & 15) * 4 if old else HEADS[6]
    if len(data) < start + 20 or data[9 if old else 6] != TCP:
        return None
    source = data[12:16] if old else data[8:24]
    port, _, sequence, acknowledgment = struct.unpack_from(">HHII", data, start)
    return Answer(source, port, data[start + 13], sequence, acknowledgment)
