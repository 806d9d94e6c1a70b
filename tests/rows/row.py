"""One row of the table of frames, and how a row says which answer it expects."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from naive import challenge, cookie
from naive.cookie import Flow, Keys
from naive.forward import Action
from naive.frames import ACK, ECE, RST, SYN, Ethernet, IPv4, IPv6, Tcp, frame, packed
from naive.state import PLENTY, Host, mapped
from naive.world import KEYS, NOW, state

from hardtack.packet.reasons import Reason, Verdict, verdict

Side = Literal["outside", "inside", "leaving", "looped"]


@dataclass(frozen=True)
class Row:
    """A frame, and what must become of it.

    out     the frame as it leaves; None: as it came
    room    how many bytes the frame may grow by; an engine whose frames always have room skips rows that set it
    before  frames from the internet, seen before at the same moment
    heard   frames from hosts, seen after those
    side    where this frame is seen
    number  of the host that it is counted under; None: the row does not say
    action  where the frame goes; None: where its verdict says, and a row of verdict FORWARD does not say
    policy  fields of the state that are not as in `naive.world`
    """

    description: str
    frame: bytes
    reason: Reason
    out: bytes | None = None
    now_ms: int = NOW
    room: int = PLENTY
    before: tuple[bytes, ...] = ()
    heard: tuple[bytes, ...] = ()
    side: Side = "outside"
    number: int | None = None
    action: Action | None = None
    policy: Mapping[str, object] = field(default_factory=dict)

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
    fine     what more the timestamp says of the client's MSS
    scale    of our windows
    """

    o: int
    order: str = "MSS"
    echo: int = 0
    ecn: bool = False
    fine: int = 0
    scale: int = 7

    def frame(self, ip: IPv4 | IPv6, tcp: Tcp, link: Ethernet, now_ms: int = NOW) -> bytes:
        """The frame that answers a SYN with these headers, with a cookie."""
        said = {"timestamps": "TS" in self.order.split(), "ecn": self.ecn, "fine": self.fine, "scale": self.scale}
        key = KEYS[cookie.epoch(now_ms)]
        ours = cookie.make(key, flow_of(ip, tcp), tcp.seq, self.o, now_ms, **said)  # type: ignore[arg-type]
        options = {
            "MSS": struct.pack("!BBH", 2, 4, host_of(ip.destination).mss),
            "SACK": b"\x04\x02",
            "TS": struct.pack("!BBII", 8, 10, ours.tsval or 0, self.echo),
            "NOP": b"\x01",
            "WS": bytes([3, 3, self.scale]),
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


def flow_of(ip: IPv4 | IPv6, tcp: Tcp) -> Flow:
    """What tags are over."""
    return Flow(packed(ip.source), packed(ip.destination), tcp.source_port, tcp.destination_port)


def host_of(destination: str) -> Host:
    """Whose an address is."""
    host = state().host_of(mapped(packed(destination)))
    assert host
    return host


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


def challenged(
    description: str,
    ip: IPv4 | IPv6,
    tcp: Tcp | None = None,
    link: Ethernet | None = None,
    now_ms: int = NOW,
    **more: Any,
) -> Row:
    """A row whose frame is answered with a challenge: an ACK without options, whatever the client offers."""
    tcp, link = tcp or Tcp(destination_port=80), link or Ethernet()
    ours = challenge.make(KEYS[cookie.epoch(now_ms)], flow_of(ip, tcp), tcp.seq, now_ms)
    segment = Tcp(tcp.destination_port, tcp.source_port, ours.sequence, ours.acknowledgment, ACK)
    out = frame(answering(ip), segment, replace(link, source=link.destination, destination=link.source))
    return Row(description, frame(ip, tcp, link), Reason.challenged, out, now_ms, **more)


def proof(
    ip: IPv4 | IPv6,
    syn: Tcp | None = None,
    *,
    now_ms: int = NOW,
    keys: Keys = KEYS,
    wrong: int = 0,
    link: Ethernet | None = None,
    **changes: object,
) -> bytes:
    """The RST of a client whose SYN was challenged at some moment; `wrong`: bits of its number that are turned."""
    syn = syn or Tcp(destination_port=80)
    ours = challenge.make(keys[cookie.epoch(now_ms)], flow_of(ip, syn), syn.seq, now_ms)
    segment = Tcp(syn.source_port, syn.destination_port, ours.acknowledgment ^ wrong, 0, RST, 0)
    return frame(ip, replace(segment, **changes), link)  # type: ignore[arg-type]


def first_ack(
    ip: IPv4 | IPv6 | None = None,
    syn: Tcp | None = None,
    *,
    now_ms: int = NOW,
    keys: Keys = KEYS,
    times: tuple[int, int] | None = None,
    link: Ethernet | None = None,
    o: int = 0x0F,
    scale: int | None = None,
    **changes: object,
) -> bytes:
    """The ACK of a client whose SYN was answered at some moment; `changes`: fields that are not as they should be.

    times   the client's TSval, and by how much its echo of ours is wrong; None: no timestamps
    o       the cookie's options byte
    scale   of the host's windows; None: what it is
    """
    segment = acknowledgment(ip, syn, now_ms, keys, times, o, scale)
    return frame(ip, replace(segment, **changes), link)  # type: ignore[arg-type]


def acknowledgment(
    ip: IPv4 | IPv6 | None = None,
    syn: Tcp | None = None,
    now_ms: int = NOW,
    keys: Keys = KEYS,
    times: tuple[int, int] | None = None,
    o: int = 0x0F,
    scale: int | None = None,
) -> Tcp:
    """The same, as a segment yet."""
    ip, syn = ip or IPv4(), syn or Tcp()
    flow = Flow(packed(ip.source), packed(ip.destination), syn.source_port, syn.destination_port)
    key = keys[cookie.epoch(now_ms)]
    if scale is None:
        host = state().host_of(mapped(packed(ip.destination)))
        scale = host.scale if host else cookie.OUR_SCALE
    ours = cookie.make(key, flow, syn.seq, o, now_ms, timestamps=times is not None, ecn=False, scale=scale)
    carried = b""
    if times is not None and ours.tsval is not None:
        carried = struct.pack("!BBBBII", 1, 1, 8, 10, times[0], ours.tsval ^ times[1])
    seq, ack = (syn.seq + 1) % (1 << 32), (ours.isn + 1) % (1 << 32)
    return Tcp(syn.source_port, syn.destination_port, seq, ack, ACK, options=carried)


BARE = Expected(0x0F)  # a SYN without options: the least MSS, no scale, no SACK
EVERYTHING = "MSS SACK TS NOP WS"  # the answer to Linux's options
