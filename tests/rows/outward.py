"""Frames from hosts, seen at an inside interface: each passes as it is, and teaches or not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from naive.frames import (
    ACK,
    FIN,
    HOP_BY_HOP,
    MORE_FRAGMENTS,
    PSH,
    RST,
    SYN,
    URG,
    Ethernet,
    Extension,
    IPv4,
    IPv6,
    Tcp,
    frame,
    options_header,
)
from naive.world import ANY_PORT, BACK, BACK6, ROUTED, SWITCHED, SWITCHED6, WEB, WEB6

from hardtack.packet.reasons import Reason
from rows.known import FOUR, SIX
from rows.row import Row, first_ack

CLIENT4, CLIENT6 = "198.51.100.7", "2001:db8::1"
OUT4, OUT6 = IPv4(WEB, CLIENT4), IPv6(WEB6, CLIENT6)
OTHER = Reason.outbound_other


def out(ip: IPv4 | IPv6 = OUT4, **fields: Any) -> bytes:
    """A host's segment, back to the client of `rows.known`."""
    port = 443 if isinstance(ip, IPv4) else 80
    return frame(ip, Tcp(**{"source_port": port, "destination_port": 40000} | fields))


def of(description: str, reason: Reason, known: bool, **fields: Any) -> list[Row]:
    """A segment from the host over IPv4 and over IPv6, of a connection that is known or not."""
    four, six = (FOUR, SIX) if known else ((), ())
    return [
        Row(f"from a host: {description}", out(**fields), reason, side="inside", before=four, number=1),
        Row(f"from a host: {description}, over IPv6", out(OUT6, **fields), reason, side="inside", before=six, number=1),
    ]


def again(description: str, reason: Reason, **fields: Any) -> list[Row]:
    """The same of a connection whose host has been heard before."""
    four, six = of(f"{description} of a known connection, after its first word", reason, True, **fields)
    return [replace(four, heard=(out(flags=ACK),)), replace(six, heard=(out(OUT6, flags=ACK),))]


def alone(description: str, given: bytes, reason: Reason, number: int = 1) -> Row:
    """Any frame at an inside interface."""
    return Row(f"from a host: {description}", given, reason, side="inside", number=number)


TAUGHT = [
    *of("SYN", Reason.taught, False, flags=SYN),
    *of("SYN with ECN asked for", Reason.taught, False, flags=SYN | 0xC0),
    *of("SYN with data", Reason.taught, False, flags=SYN, payload=b"fast open"),
    *of("ACK", Reason.taught, False, flags=ACK, ack=7),
    *of("data", Reason.taught, False, flags=ACK | PSH, payload=b"HTTP/1.1 200 OK\r\n\r\n"),
    *of("FIN", Reason.taught, False, flags=ACK | FIN),
    *of("SYN-ACK of no connection", OTHER, False, flags=SYN | ACK),
    *of("RST of no connection", OTHER, False, flags=RST),
    *of("RST and ACK of no connection", OTHER, False, flags=RST | ACK),
    *of("SYN and RST of no connection", OTHER, False, flags=SYN | RST),
    *of("no flag", OTHER, False, flags=0),
    *of("FIN without ACK", OTHER, False, flags=FIN),
]
FOLLOWED = [
    *of("SYN of a known connection", Reason.outbound_first, True, flags=SYN),
    *of("SYN-ACK of a known connection", Reason.outbound_first, True, flags=SYN | ACK),
    *of("ACK of a known connection", Reason.outbound_first, True, flags=ACK),
    *of("data of a known connection", Reason.outbound_first, True, flags=ACK | PSH, payload=b"HTTP/1.1 200 OK\r\n\r\n"),
    *of("FIN of a known connection", Reason.outbound_first, True, flags=ACK | FIN),
    *of("RST of a known connection", Reason.outbound_refused, True, flags=RST),
    *of("RST and ACK of a known connection", Reason.outbound_refused, True, flags=RST | ACK, seq=7),
    *of("no flag, of a known connection", Reason.outbound_first, True, flags=0),
    *of("URG without ACK, of a known connection", Reason.outbound_first, True, flags=URG),
    *again("ACK", Reason.outbound, flags=ACK),
    *again("RST", Reason.outbound_end, flags=RST),
    *again("SYN", Reason.outbound, flags=SYN),
]
ANYTHING = [
    alone("a port that is not protected", out(source_port=22, flags=SYN), OTHER),
    alone("to a protected port", out(source_port=40000, destination_port=443, flags=SYN), OTHER),
    alone("any port of a host of all ports", frame(IPv4(ANY_PORT, CLIENT4), Tcp(50000, 80)), Reason.taught, 2),
    alone("to another protected host", frame(IPv4(WEB, ANY_PORT), Tcp(443, 50000, flags=ACK)), Reason.taught),
    alone("a host to which frames are sent straight", frame(IPv4(ROUTED, CLIENT4), Tcp(80, 40000)), Reason.taught, 4),
    alone("from nobody that is protected", frame(IPv4("192.0.2.11", CLIENT4), Tcp(443, 40000)), Reason.not_ours, 0),
    alone("from a client to a host: another way round", frame(), Reason.not_ours, 0),
    alone("under a tag", frame(OUT4, Tcp(443, 40000), Ethernet(tags=[(0x8100, 5)])), Reason.taught),
    alone("behind IP options", out(replace(OUT4, options=b"\x01" * 8)), Reason.taught),
    alone(
        "behind an extension header",
        out(replace(OUT6, extensions=[Extension(HOP_BY_HOP, options_header())])),
        Reason.taught,
    ),
    alone("IPv4 checksum wrong, as offload leaves it", out(replace(OUT4, checksum=0)), Reason.taught),
    alone("UDP", out(replace(OUT4, protocol=17)), OTHER),
    alone("UDP over IPv6", out(replace(OUT6, next_header=17)), OTHER),
    alone("ICMP", out(replace(OUT4, protocol=1)), OTHER),
    alone("the first fragment", out(replace(OUT4, fragment=MORE_FRAGMENTS)), OTHER),
    alone("a later fragment", out(replace(OUT4, fragment=1)), OTHER),
    alone("the frame ends within TCP's header", out()[:53], OTHER),
    alone("an impossible TCP header", out(doff=4), OTHER),
    alone(
        "extension headers that end the frame",
        out(replace(OUT6, extensions=[Extension(HOP_BY_HOP, b"\xff" + bytes(6))])),
        OTHER,
    ),
    alone("ARP", out()[:12] + b"\x08\x06" + bytes(28), Reason.not_ip, 0),
    alone("14 bytes that announce IPv4", out()[:14], Reason.truncated, 0),
    alone("IPv4 header length 16", out(replace(OUT4, ihl=4)), Reason.bad_header, 0),
    alone("IPv6 of version 4", out(replace(OUT6, version=4)), Reason.bad_header, 0),
]

OPENED4, OPENED6 = out(flags=SYN), out(OUT6, flags=SYN)


def opened(description: str, reason: Reason, **fields: Any) -> list[Row]:
    """A segment from a host that has asked for a connection."""
    return [
        Row(f"asked: {description}", out(**fields), reason, side="inside", heard=(OPENED4,), number=1),
        Row(f"asked: {description}, over IPv6", out(OUT6, **fields), reason, side="inside", heard=(OPENED6,), number=1),
    ]


ASKED = [
    *opened("RST without ACK, as an answer to a wrong ACK: RFC 9293 3.10.7.3", OTHER, flags=RST, seq=77),
    *opened("RST and SYN without ACK", OTHER, flags=RST | SYN),
    *opened("RST and ACK: the host gives up", Reason.outbound_end, flags=RST | ACK),
    *opened("SYN once more", Reason.outbound, flags=SYN),
    *opened("ACK", Reason.outbound, flags=ACK, ack=7),
]
FORGED = Reason.outbound_forged
S4, S6 = IPv4(SWITCHED, CLIENT4), IPv6(SWITCHED6, CLIENT6)
ORIGIN4, ORIGIN6 = Ethernet(source=bytes.fromhex("020000000a05")), Ethernet(source=bytes.fromhex("fe0000000a05"))
SAID = Tcp(80, 40000, flags=ACK)
TENANTS = [
    alone("by its own MAC address", frame(S4, SAID, ORIGIN4), Reason.taught, 5),
    alone("by its own MAC address over IPv6", frame(S6, SAID, ORIGIN6), Reason.taught, 14),
    alone("by another MAC address", frame(S4, SAID), FORGED, 5),
    alone("by another MAC address over IPv6", frame(S6, SAID), FORGED, 14),
    alone("by a MAC address that differs in its first bit", frame(S4, SAID, ORIGIN6), FORGED, 5),
    alone("by another MAC address, of another port", frame(S4, replace(SAID, source_port=22)), OTHER, 5),
    alone("by another MAC address, UDP", frame(replace(S4, protocol=17), SAID), OTHER, 5),
    *(
        Row(f"from a host: by another MAC address, {what}", frame(S4, replace(SAID, flags=flags)), FORGED, side="inside")
        for what, flags in (("SYN", SYN), ("RST", RST), ("no flag", 0))
    ),
    Row(
        "from a host: a RST in another's name ends nothing",
        frame(S4, SAID, ORIGIN4),
        Reason.outbound_first,
        side="inside",
        before=(first_ack(IPv4(CLIENT4, SWITCHED), Tcp(destination_port=80)),),
        heard=(frame(S4, replace(SAID, flags=RST)),),
    ),
]


def leaving(description: str, given: bytes, reason: Reason, number: int, looped: bool = False) -> Row:
    """A frame on its way out to the internet; `looped`: by the interface that it came in by."""
    return Row(f"leaving: {description}", given, reason, side="looped" if looped else "leaving", number=number)


B4, B6 = IPv4(BACK, CLIENT4), IPv6(BACK6, CLIENT6)
LOOPED = [
    leaving("from a host", out(flags=SYN), Reason.taught, 1),
    leaving("from a host, which came in by the same interface", out(flags=SYN), FORGED, 1, looped=True),
    leaving("the same over IPv6", out(OUT6, flags=SYN), FORGED, 1, looped=True),
    leaving("the same, RST", out(flags=RST), FORGED, 1, looped=True),
    leaving("the same, of another port", out(source_port=22, flags=SYN), OTHER, 1, looped=True),
    leaving("the same, from nobody", frame(IPv4("192.0.2.11", CLIENT4), SAID), Reason.not_ours, 0, looped=True),
    leaving("from a host on the same wire", frame(B4, SAID), Reason.taught, 6, looped=True),
    leaving("from a host on the same wire, over IPv6", frame(B6, SAID), Reason.taught, 6, looped=True),
    leaving("MAC addresses are this machine's own", frame(S4, SAID), Reason.taught, 5),
]
LIMIT = [
    Row("from a host: the last that it may teach", out(flags=SYN), Reason.taught, side="inside", policy={"taught": 1}),
    *(
        Row(
            f"from a host: more than it may teach, {what}",
            out(flags=flags),
            Reason.teach_limit,
            side="inside",
            heard=(out(destination_port=40001, flags=SYN),),
            policy={"taught": 1},
            number=1,
        )
        for what, flags in (("SYN", SYN), ("ACK", ACK), ("FIN", ACK | FIN))
    ),
    Row(
        "from a host: what another may teach",
        frame(IPv4(ROUTED, CLIENT4), Tcp(80, 40000)),
        Reason.taught,
        side="inside",
        heard=(out(flags=SYN),),
        policy={"taught": 1},
    ),
    Row(
        "from a host: what is known costs nothing of that",
        out(flags=ACK),
        Reason.outbound,
        side="inside",
        heard=(out(flags=SYN),),
        policy={"taught": 1},
    ),
    alone("IPv6 from an IPv4-mapped address", frame(IPv6("::ffff:192.0.2.10", CLIENT6), SAID), Reason.not_ours, 0),
]

ROWS = TAUGHT + FOLLOWED + ANYTHING + ASKED + TENANTS + LOOPED + LIMIT
