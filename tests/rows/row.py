"""One row of the table of frames, and how a row says which answer it expects."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

from naive import cookie
from naive.cookie import Flow
from naive.decide import PLENTY, mapped
from naive.frames import ACK, ECE, SYN, Ethernet, IPv4, IPv6, Tcp, frame, packed
from naive.world import HOSTS, KEYS, NOW

from hardtack.packet.reasons import Reason, Verdict, verdict


@dataclass(frozen=True)
class Row:
    """A frame, and what must become of it. `out` is None if it must stay as it is.

    `room`: how many bytes the frame may grow by; an engine whose frames always have room skips rows that set it.
    """

    description: str
    frame: bytes
    reason: Reason
    out: bytes | None = None
    now_ms: int = NOW
    room: int = PLENTY

    @property
    def verdict(self) -> Verdict:
        """The verdict that goes with the reason."""
        return verdict(self.reason)

    @property
    def expected(self) -> bytes:
        """The frame as it leaves."""
        return self.frame if self.out is None else self.out


@dataclass(frozen=True)
class Expected:
    """The answer a row expects, said by hand: nothing of what the client offered is read from its options.

    o        the cookie's options byte
    order    the options of the SYN-ACK, in order, by the names in `OPTIONS`
    echo     the client's TSval, if TS is among them
    ecn      whether it accepts ECN
    """

    o: int
    order: str = "MSS"
    echo: int = 0
    ecn: bool = False

    def frame(self, ip: IPv4 | IPv6, tcp: Tcp, link: Ethernet, now_ms: int = NOW) -> bytes:
        """The frame that answers a SYN with these headers."""
        source, destination = packed(ip.source), packed(ip.destination)
        flow = Flow(source, destination, tcp.source_port, tcp.destination_port)
        timestamps = "TS" in self.order.split()
        key = KEYS[cookie.epoch(now_ms)]
        ours = cookie.make(key, flow, tcp.seq, self.o, now_ms, timestamps=timestamps, ecn=self.ecn)
        options = {
            "MSS": struct.pack("!BBH", 2, 4, HOSTS[mapped(destination)].mss),
            "SACK": b"\x04\x02",
            "TS": struct.pack("!BBII", 8, 10, ours.tsval or 0, self.echo),
            "NOP": b"\x01",
            "WS": b"\x03\x03\x07",
        }
        segment = Tcp(
            source_port=tcp.destination_port,
            destination_port=tcp.source_port,
            seq=ours.isn,
            ack=(tcp.seq + 1) % (1 << 32),
            flags=SYN | ACK | (ECE if self.ecn else 0),
            options=b"".join(options[name] for name in self.order.split()),
        )
        back = replace(link, source=link.destination, destination=link.source)
        return frame(answering(ip), segment, back)


def answering(ip: IPv4 | IPv6) -> IPv4 | IPv6:
    """The IP header of an answer: nothing of the asker's but the addresses."""
    if isinstance(ip, IPv4):
        return IPv4(source=ip.destination, destination=ip.source, identification=0, ttl=64)
    return IPv6(source=ip.destination, destination=ip.source, flow_label=0, hop_limit=64)


def answered(
    description: str,
    expected: Expected,
    ip: IPv4 | IPv6 | None = None,
    tcp: Tcp | None = None,
    link: Ethernet | None = None,
    now_ms: int = NOW,
) -> Row:
    """A row whose frame is answered; left to the defaults, a bare SYN over IPv4."""
    ip, tcp, link = ip or IPv4(), tcp or Tcp(), link or Ethernet()
    out = expected.frame(ip, tcp, link, now_ms)
    return Row(description, frame(ip, tcp, link), Reason.answered, out, now_ms)


BARE = Expected(0x0F)  # a SYN without options: the least MSS, no scale, no SACK
EVERYTHING = "MSS SACK TS NOP WS"  # the answer to Linux's options
