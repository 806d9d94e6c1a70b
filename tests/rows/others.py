"""What is not TCP: errors about known connections, neighbour discovery, datagrams, fragments of them."""

from __future__ import annotations

import struct
from dataclasses import replace

from naive.budget import QUOTES
from naive.frames import (
    FRAGMENT,
    HOP_BY_HOP,
    ICMP,
    ICMP6,
    MORE_FRAGMENTS,
    UDP,
    Ethernet,
    Extension,
    IPv4,
    IPv6,
    Tcp,
    carrying,
    datagram,
    fragment_header,
    options_header,
)
from naive.world import EDGES, SCARCE6, SWITCHED, SWITCHED6, WEB, WEB6

from hardtack.packet.reasons import Reason
from rows.known import FOUR, SIX
from rows.row import Row

ROUTER4, ROUTER6 = "198.51.100.1", "2001:db8::ff"
CLIENT4, CLIENT6 = "198.51.100.7", "2001:db8::1"
DATAGRAM = datagram(53, 40000)

# What the host had sent on its connection, back to the client of `rows.known`
SENT4 = IPv4(WEB, CLIENT4, ttl=3).encode(Tcp(443, 40000).encode(WEB, CLIENT4))
SENT6 = IPv6(WEB6, CLIENT6, hop_limit=3).encode(Tcp(80, 40000).encode(WEB6, CLIENT6))


def carried(ip: IPv4 | IPv6, payload: bytes, link: Ethernet | None = None) -> bytes:
    """A frame with something else than TCP."""
    return (link or Ethernet()).encode(ip.ethertype, ip.encode(payload))


def message(kind: int, quoted: bytes = b"", code: int = 0) -> bytes:
    """An ICMP message; its checksum is the receiver's business."""
    return struct.pack("!BBHI", kind, code, 0, 0) + quoted


def error4(kind: int, quoted: bytes = SENT4[:28], ip: IPv4 | None = None) -> bytes:
    """An ICMP message for the web host."""
    return carried(replace(ip or IPv4(ROUTER4), protocol=ICMP), message(kind, quoted))


def error6(kind: int, quoted: bytes = SENT6, ip: IPv6 | None = None) -> bytes:
    """An ICMPv6 message for the web host."""
    return carried(replace(ip or IPv6(ROUTER6), next_header=ICMP6), message(kind, quoted))


NEAR = IPv6(ROUTER6, hop_limit=255)
PASSES, DROPS = Reason.default_pass, Reason.default_drop
MENDED = SENT4[:9] + b"\x11" + SENT4[10:28]  # UDP

ERRORS = [
    Row("ICMP: fragmentation needed, of a known connection", error4(3), Reason.icmp_error, before=FOUR, number=1),
    Row("ICMP: source quench", error4(4), Reason.icmp_error, before=FOUR),
    Row("ICMP: time exceeded", error4(11), Reason.icmp_error, before=FOUR),
    Row("ICMP: parameter problem", error4(12), Reason.icmp_error, before=FOUR),
    *(
        Row(f"ICMP type {kind} is no error", error4(kind), PASSES, before=FOUR)
        for kind in (0, 1, 2, 5, 8, 10, 13, 32, 35, 43, 44, 131, 133, 135, 255)
    ),
    *(
        Row(
            f"ICMPv6 type {kind}: an error of a known connection", error6(kind), Reason.icmp_error, before=SIX, number=1
        )
        for kind in (1, 2, 3, 4)
    ),
    *(
        Row(f"ICMPv6 type {kind} is no error", error6(kind), PASSES, before=SIX)
        for kind in (0, 5, 11, 12, 32, 33, 34, 35, 36, 128, 129, 130, 132, 138, 255)
    ),
    *(
        Row(f"ICMPv6 type {kind}: neighbour discovery", error6(kind, b"", NEAR), Reason.neighbour, number=1)
        for kind in (133, 134, 135, 136, 137)
    ),
    Row(
        "neighbour discovery, for a host that drops the rest",
        error6(135, ip=replace(NEAR, destination=SCARCE6)),
        Reason.neighbour,
    ),
    *(
        Row(
            f"ICMPv6 type {kind} with hop limit {hops}: a router has passed it on",
            error6(kind, b"", IPv6(ROUTER6, SCARCE6, hop_limit=hops)),
            DROPS,
        )
        for kind in (133, 134, 135, 136, 137)
        for hops in (254, 64, 1)
    ),
    Row("ICMP: two errors in one window", error4(3), PASSES, before=(*FOUR, error4(3)), number=1),
    Row("ICMPv6: two errors in one window", error6(2), PASSES, before=(*SIX, error6(2)), number=1),
    Row("ICMP about a connection that is not known", error4(3), PASSES),
    Row("ICMPv6 about a connection that is not known", error6(2), PASSES),
    Row("ICMP that quotes the whole packet", error4(3, SENT4), Reason.icmp_error, before=FOUR),
    Row("ICMP that quotes no more than the ports", error4(3, SENT4[:24]), Reason.icmp_error, before=FOUR),
    Row("ICMP that quotes half the ports", error4(3, SENT4[:23]), PASSES, before=FOUR),
    Row("ICMP that quotes 19 bytes of IPv4", error4(3, SENT4[:19]), PASSES, before=FOUR),
    Row("ICMP that quotes nothing", error4(3, b""), PASSES, before=FOUR),
    Row("7 bytes of ICMP", error4(3, b"")[:-1], PASSES, before=FOUR),
    Row("7 bytes of neighbour discovery", error6(135, b"", NEAR)[:-1], PASSES),
    Row("ICMPv6 that quotes no more than the ports", error6(2, SENT6[:44]), Reason.icmp_error, before=SIX),
    Row("ICMPv6 that quotes half the ports", error6(2, SENT6[:43]), PASSES, before=SIX),
    Row(
        "ICMP that quotes a packet with options",
        error4(3, IPv4(WEB, CLIENT4, options=b"\x01" * 8).encode(Tcp(443, 40000).encode(WEB, CLIENT4))),
        Reason.icmp_error,
        before=FOUR,
    ),
    Row("ICMP that quotes UDP of the same ports", error4(3, MENDED), PASSES, before=FOUR),
    Row("ICMP that quotes IPv4 of version 5", error4(3, b"\x55" + SENT4[1:]), PASSES, before=FOUR),
    Row("ICMP that quotes an IPv4 header of 16 bytes", error4(3, b"\x44" + SENT4[1:]), PASSES, before=FOUR),
    Row("ICMPv6 that quotes IPv4", error6(2, SENT4), PASSES, before=SIX),
    Row("ICMPv6 that quotes UDP", error6(2, SENT6[:6] + b"\x11" + SENT6[7:]), PASSES, before=SIX),
    Row(
        "ICMP about what the client has sent, which nobody need hear",
        error4(3, IPv4().encode(Tcp().encode(CLIENT4, WEB))),
        PASSES,
        before=FOUR,
    ),
    Row(
        "ICMP about a known connection, for another host", error4(3, ip=IPv4(ROUTER4, "10.0.0.2")), PASSES, before=FOUR
    ),
    Row("ICMPv6 about a known connection, for another host", error6(2, ip=IPv6(ROUTER6, SWITCHED6)), DROPS, before=SIX),
    Row(
        "ICMP about a known connection, for nobody",
        error4(3, ip=IPv4(ROUTER4, "192.0.2.11")),
        Reason.not_ours,
        before=FOUR,
    ),
    Row("ICMP, in fragments", error4(3, ip=IPv4(ROUTER4, fragment=MORE_FRAGMENTS)), PASSES, before=FOUR),
    Row(
        "neighbour discovery, in fragments: RFC 6980 forbids it",
        error6(135, b"", replace(NEAR, extensions=[Extension(FRAGMENT, fragment_header(more=True))])),
        PASSES,
    ),
    Row(
        "ICMPv6 behind hop-by-hop options, about a known connection",
        error6(2, ip=IPv6(ROUTER6, extensions=[Extension(HOP_BY_HOP, options_header())])),
        Reason.icmp_error,
        before=SIX,
    ),
    Row(
        "ICMP under a tag",
        carried(replace(IPv4(ROUTER4), protocol=ICMP), message(3, SENT4), Ethernet(tags=[(0x8100, 5)])),
        Reason.icmp_error,
        before=FOUR,
    ),
    Row("ICMPv6 over IPv4", carried(replace(IPv4(ROUTER4), protocol=ICMP6), message(3, SENT4)), PASSES, before=FOUR),
    Row("ICMP over IPv6", carried(replace(IPv6(ROUTER6), next_header=ICMP), message(3, SENT6)), PASSES, before=SIX),
]


def quoting(host: str, port: int, client: str = "", protocol: int = 6) -> bytes:
    """What this host may have sent from a port of its own: its beginning, as an error quotes it."""
    segment = Tcp(port, 40000).encode(host, client or (CLIENT6 if ":" in host else CLIENT4))
    if ":" in host:
        return IPv6(host, client or CLIENT6, next_header=protocol).encode(segment)[:48]
    return IPv4(host, client or CLIENT4, protocol=protocol).encode(segment)[:28]


def about(host: str, quoted: bytes, router: str = "") -> bytes:
    """An error for a host: fragmentation needed, or packet too big."""
    if ":" in host:
        return error6(2, quoted, IPv6(router or ROUTER6, host))
    return error4(3, quoted, IPv4(router or ROUTER4, host))


# Of connections that another front knows: hosts whose `default` drops. Each may have so many in a window
QUOTE = Reason.icmp_quote
MANY = tuple(about(EDGES, quoting(EDGES, 1), f"100.64.{number}.1") for number in range(QUOTES))
QUOTING = [
    Row("ICMP about a protected port", about(EDGES, quoting(EDGES, 1)), QUOTE, number=3),
    Row("ICMP about the other one", about(EDGES, quoting(EDGES, 65535)), QUOTE),
    Row("ICMPv6 about a protected port", about(SCARCE6, quoting(SCARCE6, 80)), QUOTE, number=8),
    Row("ICMP about a port that is not protected", about(EDGES, quoting(EDGES, 2)), DROPS),
    Row("ICMPv6 about a port that is not protected", about(SCARCE6, quoting(SCARCE6, 22)), DROPS),
    Row("ICMP about UDP of a protected port", about(EDGES, quoting(EDGES, 1, protocol=17)), DROPS),
    Row("ICMPv6 about UDP of a protected port", about(SCARCE6, quoting(SCARCE6, 80, protocol=17)), DROPS),
    Row("ICMP about another host's port", about(EDGES, quoting(SWITCHED, 80)), DROPS),
    Row("ICMP about what a client has sent to a protected port", about(EDGES, quoting(CLIENT4, 40000, EDGES)), DROPS),
    Row("ICMP that is no error, about a protected port", error4(8, quoting(EDGES, 1), IPv4(ROUTER4, EDGES)), DROPS),
    Row("ICMP about a protected port, the last of a window", MANY[-1], QUOTE, before=MANY[:-1]),
    Row("ICMP about a protected port, one more", about(EDGES, quoting(EDGES, 1)), DROPS, before=MANY),
    Row(
        "ICMP about a protected port, of another host",
        about(SCARCE6, quoting(SCARCE6, 80)),
        QUOTE,
        before=MANY,
    ),
]


def udp(ip: IPv4 | IPv6) -> bytes:
    """A datagram."""
    return carrying(ip, UDP, DATAGRAM)


REST = [
    Row("UDP for a host that lets it pass", udp(IPv4()), PASSES, number=1),
    Row("UDP for a host that drops it", udp(IPv4(destination=EDGES)), DROPS, number=3),
    Row("UDP over IPv6 for a host that drops it", udp(IPv6(destination=SWITCHED6)), DROPS, number=14),
    Row("an echo request for a host that drops it", error4(8, ip=IPv4(destination=SWITCHED)), DROPS),
    Row("a fragment of UDP for a host that drops it", udp(IPv4(destination=EDGES, fragment=1)), DROPS),
    Row(
        "a first fragment of UDP for a host that drops it",
        udp(IPv4(destination=EDGES, fragment=MORE_FRAGMENTS)),
        DROPS,
    ),
    Row(
        "a fragment of TCP for that host",
        carried(IPv4(destination=EDGES, fragment=1), b"data"),
        Reason.later_fragment,
        number=3,
    ),
    Row(
        "a fragment of TCP for a port that is not protected: nobody can know",
        carried(IPv4(fragment=5), b"data"),
        Reason.later_fragment,
    ),
    Row(
        "a fragment of UDP over IPv6 for a host that drops it",
        udp(IPv6(destination=SWITCHED6, extensions=[Extension(FRAGMENT, fragment_header(1))])),
        DROPS,
    ),
    Row(
        "a first fragment that goes on with destination options: TCP may hide behind them",
        carried(
            IPv6(next_header=60, extensions=[Extension(FRAGMENT, fragment_header(more=True))]),
            b"\x06\0" + bytes(6) + Tcp(destination_port=80).encode(CLIENT6, WEB6),
        ),
        Reason.first_fragment,
    ),
    Row(
        "a later fragment that says it goes on with hop-by-hop options",
        carried(IPv6(next_header=0, extensions=[Extension(FRAGMENT, fragment_header(9))]), b"data"),
        Reason.later_fragment,
    ),
    Row("the frame ends within UDP's header: nobody looks", udp(IPv4())[:-5], PASSES),
]

ROWS = ERRORS + QUOTING + REST
