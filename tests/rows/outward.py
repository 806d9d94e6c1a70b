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
from naive.world import ANY_PORT, ROUTED, WEB, WEB6

from hardtack.packet.reasons import Reason
from rows.known import FOUR, SIX
from rows.row import Row

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
    *of("SYN of a known connection", Reason.outbound, True, flags=SYN),
    *of("SYN-ACK of a known connection", Reason.outbound, True, flags=SYN | ACK),
    *of("ACK of a known connection", Reason.outbound, True, flags=ACK),
    *of("data of a known connection", Reason.outbound, True, flags=ACK | PSH, payload=b"HTTP/1.1 200 OK\r\n\r\n"),
    *of("FIN of a known connection", Reason.outbound, True, flags=ACK | FIN),
    *of("RST of a known connection", Reason.outbound_end, True, flags=RST),
    *of("RST and ACK of a known connection", Reason.outbound_end, True, flags=RST | ACK, seq=7),
    *of("no flag, of a known connection", Reason.outbound, True, flags=0),
    *of("URG without ACK, of a known connection", Reason.outbound, True, flags=URG),
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

ROWS = TAUGHT + FOLLOWED + ANYTHING
