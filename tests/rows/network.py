"""IPv4 and IPv6: header lengths, options, fragments, extension headers, protocols, destinations."""

from __future__ import annotations

from dataclasses import replace

from naive.frames import (
    DESTINATION,
    FRAGMENT,
    HOP_BY_HOP,
    MORE_FRAGMENTS,
    ROUTING,
    SYN,
    Extension,
    IPv4,
    IPv6,
    Tcp,
    fragment_header,
    frame,
    options_header,
    routing_header,
)
from naive.world import ANY_PORT, ANY_PORT6, EDGES

from hardtack.packet.reasons import Reason
from rows.row import BARE, Row, answered

TO_80 = Tcp(destination_port=80)
ACK_ONLY = Tcp(flags=0x10, ack=1)
ROUTER_ALERT = b"\x94\x04\x00\x00"  # RFC 2113
MOST_OPTIONS = b"\x07\x27\x04" + bytes(36) + b"\x00"  # record route (RFC 791 3.1) with room for 9 addresses, and EOL

HOPS, TARGETS = Extension(HOP_BY_HOP, options_header()), Extension(DESTINATION, options_header())
LONG_HOPS = Extension(HOP_BY_HOP, options_header(more=3))  # 32 bytes
LONGEST = Extension(DESTINATION, options_header(more=255))  # 2,048 bytes
MANY_HOPS = Extension(HOP_BY_HOP, options_header(more=127))  # 1,024 bytes
ARRIVED, ATOMIC = Extension(ROUTING, routing_header(0)), Extension(FRAGMENT, fragment_header())
EMPTY_ROUTE = Extension(ROUTING, routing_header(0, kind=4, addresses=0))  # 8 bytes
TRAVELLING = Extension(ROUTING, routing_header(1))

TOO_SHORT4 = IPv4(total=39)
SIX = IPv6(extensions=[HOPS, TARGETS, EMPTY_ROUTE, ATOMIC, TARGETS, TARGETS])
SEVEN = IPv6(extensions=[*SIX.extensions, TARGETS])


def syn6(*extensions: Extension, tcp: Tcp = TO_80) -> bytes:
    """A SYN behind extension headers."""
    return frame(IPv6(extensions=extensions), tcp)


def zero_sum() -> IPv4:
    """A header whose checksum is 0, so that 0xffff, the other zero of one's complement, is right as well."""
    bare = frame(IPv4(identification=0))
    return IPv4(identification=int.from_bytes(bare[24:26], "big"))


V4 = [
    Row("IPv4 of version 5", frame(IPv4(version=5)), Reason.bad_header),
    Row("IPv4 of version 6", frame(IPv4(version=6)), Reason.bad_header),
    Row("IPv4 header length 16", frame(IPv4(ihl=4)), Reason.bad_header),
    Row("IPv4 header length 0", frame(IPv4(ihl=0)), Reason.bad_header),
    Row("IPv4 header length beyond the frame", frame(IPv4(ihl=15), Tcp())[:73], Reason.truncated),
    answered("IPv4 with a router alert option", BARE, IPv4(options=ROUTER_ALERT)),
    answered("IPv4 with 40 bytes of options", BARE, IPv4(options=MOST_OPTIONS)),
    Row("IPv4 options cut", frame(IPv4(options=MOST_OPTIONS))[:73], Reason.truncated),
    Row("IPv4 total length less than its header", frame(IPv4(total=19)), Reason.bad_header),
    Row("IPv4 total length 0, as segmentation offload leaves it", frame(IPv4(total=0)), Reason.bad_header),
    Row(
        "IPv4 total length less than the header with options",
        frame(IPv4(options=ROUTER_ALERT, total=23)),
        Reason.bad_header,
    ),
    Row("IPv4 total length one byte short of the TCP header", frame(TOO_SHORT4), Reason.bad_offset),
    Row("the same, but UDP: nobody looks that far", frame(IPv4(total=39, protocol=17)), Reason.default_pass),
    Row(
        "IPv4 total length one byte short of the TCP options",
        frame(IPv4(total=43), Tcp(options=b"\x02\x04\x05\xb4")),
        Reason.bad_offset,
    ),
    Row("IPv4 total length less than its header, and a fragment", frame(IPv4(total=19, fragment=1)), Reason.bad_header),
    answered("IPv4 with neither flag set", BARE, IPv4(fragment=0)),
    answered("IPv4's reserved flag set", BARE, IPv4(fragment=0x8000)),
    Row("IPv4 first fragment", frame(IPv4(fragment=MORE_FRAGMENTS)), Reason.first_fragment),
    Row("IPv4 second fragment: offset 8 bytes", frame(IPv4(fragment=1)), Reason.later_fragment),
    Row("IPv4 last fragment: the largest offset", frame(IPv4(fragment=0x1FFF)), Reason.later_fragment),
    Row("a fragment of UDP", frame(IPv4(fragment=1, protocol=17)), Reason.default_pass),
    Row("UDP", frame(IPv4(protocol=17)), Reason.default_pass),
    Row("ICMP", frame(IPv4(protocol=1)), Reason.default_pass),
    Row("IP in IP", frame(IPv4(protocol=4)), Reason.default_pass),
    Row("protocol 0 over IPv4, which means hop-by-hop only in IPv6", frame(IPv4(protocol=0)), Reason.default_pass),
    answered("TTL 0 at the front's door", BARE, IPv4(ttl=0)),
    answered("every bit of the type of service", BARE, IPv4(tos=0xFF)),
    Row("IPv4 checksum wrong", frame(IPv4(checksum=0x4344)), Reason.bad_checksum),
    Row("IPv4 checksum 0, as checksum offload leaves it", frame(IPv4(checksum=0)), Reason.bad_checksum),
    Row(
        "IPv4 checksum wrong within the options",
        frame(IPv4(options=ROUTER_ALERT, checksum=0x4343)),
        Reason.bad_checksum,
    ),
    Row("IPv4 checksum wrong, for a host not ours", frame(IPv4(destination="192.0.2.11", checksum=1)), Reason.not_ours),
    Row("IPv4 checksum wrong, other port", frame(IPv4(checksum=1), Tcp(destination_port=22)), Reason.other_port),
    Row("IPv4 checksum wrong, no SYN: not looked at", frame(IPv4(checksum=1), ACK_ONLY), Reason.stray_ack),
    answered("IPv4 checksum 0 and right", BARE, replace(zero_sum(), checksum=0)),
    answered("IPv4 checksum 0xffff, which is 0 as well", BARE, replace(zero_sum(), checksum=0xFFFF)),
    Row("the protected address's neighbour below", frame(IPv4(destination="192.0.2.9")), Reason.not_ours),
    Row("the protected address's neighbour above", frame(IPv4(destination="192.0.2.11")), Reason.not_ours),
    Row("the protected address with its bytes reversed", frame(IPv4(destination="10.2.0.192")), Reason.not_ours),
    Row("from the protected address, to the client", frame(IPv4("192.0.2.10", "198.51.100.7")), Reason.not_ours),
    Row("broadcast", frame(IPv4(destination="255.255.255.255")), Reason.not_ours),
    answered("a host of all ports", BARE, IPv4(destination=ANY_PORT), Tcp(destination_port=22)),
    answered("a host at an address whose last byte is 255", BARE, IPv4(destination=EDGES), Tcp(destination_port=1)),
]

V6 = [
    Row("IPv6 of version 4", frame(IPv6(version=4), TO_80), Reason.bad_header),
    Row("IPv6 of version 7", frame(IPv6(version=7), TO_80), Reason.bad_header),
    answered("a bare SYN over IPv6", BARE, IPv6(), TO_80),
    answered("IPv6 flow label and traffic class, all bits", BARE, IPv6(flow_label=0xFFFFF, traffic_class=0xFF), TO_80),
    answered("IPv6 hop limit 0", BARE, IPv6(hop_limit=0), TO_80),
    answered("hop-by-hop options", BARE, IPv6(extensions=[HOPS]), TO_80),
    answered("32 bytes of hop-by-hop options", BARE, IPv6(extensions=[LONG_HOPS]), TO_80),
    answered("destination options", BARE, IPv6(extensions=[TARGETS]), TO_80),
    answered("2,048 bytes of destination options, the most there can be", BARE, IPv6(extensions=[LONGEST]), TO_80),
    answered("3,072 bytes of extension headers", BARE, IPv6(extensions=[LONGEST, MANY_HOPS]), TO_80),
    answered("a routing header with nothing left", BARE, IPv6(extensions=[ARRIVED]), TO_80),
    answered("an empty routing header", BARE, IPv6(extensions=[EMPTY_ROUTE]), TO_80),
    Row("a routing header with 1 segment left", syn6(TRAVELLING), Reason.bad_extensions),
    Row(
        "a routing header with 255 segments left", syn6(Extension(ROUTING, routing_header(255))), Reason.bad_extensions
    ),
    Row("1 segment left, behind other headers", syn6(HOPS, TARGETS, TRAVELLING), Reason.bad_extensions),
    answered("an atomic fragment", BARE, IPv6(extensions=[ATOMIC]), TO_80),
    answered(
        "an atomic fragment, reserved bits set",
        BARE,
        IPv6(extensions=[Extension(FRAGMENT, b"\xff" + fragment_header(reserved=3)[1:])]),
        TO_80,
    ),
    answered("two atomic fragments", BARE, IPv6(extensions=[ATOMIC, ATOMIC]), TO_80),
    Row("IPv6 first fragment", syn6(Extension(FRAGMENT, fragment_header(more=True))), Reason.first_fragment),
    Row("IPv6 second fragment: offset 8 bytes", syn6(Extension(FRAGMENT, fragment_header(1))), Reason.later_fragment),
    Row(
        "IPv6 last fragment: the largest offset",
        syn6(Extension(FRAGMENT, fragment_header(0x1FFF))),
        Reason.later_fragment,
    ),
    Row(
        "a routing header with 1 left, then a fragment: the first met counts",
        syn6(TRAVELLING, Extension(FRAGMENT, fragment_header(1))),
        Reason.bad_extensions,
    ),
    Row(
        "a fragment, then a routing header with 1 left",
        syn6(Extension(FRAGMENT, fragment_header(1)), TRAVELLING),
        Reason.later_fragment,
    ),
    answered(
        "every kind of extension header in RFC 8200's order",
        BARE,
        IPv6(extensions=[HOPS, TARGETS, ARRIVED, ATOMIC, TARGETS]),
        TO_80,
    ),
    answered("hop-by-hop options where they must not be, second", BARE, IPv6(extensions=[TARGETS, HOPS]), TO_80),
    answered("6 extension headers", BARE, SIX, TO_80),
    Row("7 extension headers", frame(SEVEN, TO_80), Reason.bad_extensions),
    Row("the 7th announced, but not there", frame(SEVEN, TO_80)[: 14 + 40 + 48], Reason.bad_extensions),
    Row("6 extension headers, then UDP", frame(replace(SIX, next_header=17), TO_80), Reason.default_pass),
    Row("8 bytes of an extension header, cut at the 7th", syn6(HOPS)[: 14 + 47], Reason.cut_short),
    Row("a routing header with 1 left, cut at its 7th byte", syn6(TRAVELLING)[: 14 + 47], Reason.cut_short),
    Row("8 bytes of a routing header with 1 left are enough", syn6(TRAVELLING)[: 14 + 48], Reason.bad_extensions),
    Row(
        "hop-by-hop options announce more than the frame holds",
        syn6(Extension(HOP_BY_HOP, b"\xff" + bytes(6))),
        Reason.cut_short,
    ),
    Row(
        "the second of two headers lies beyond the frame",
        frame(IPv6(extensions=[Extension(HOP_BY_HOP, b"\x20" + bytes(6)), TARGETS]), TO_80),
        Reason.cut_short,
    ),
    Row(
        "an extension header that claims TCP's first 8 bytes: 12 are left",
        syn6(Extension(HOP_BY_HOP, b"\x01" + bytes(6))),
        Reason.cut_short,
    ),
    Row("UDP over IPv6", frame(IPv6(next_header=17), TO_80), Reason.default_pass),
    Row("ICMPv6 behind hop-by-hop options", frame(IPv6(extensions=[HOPS], next_header=58), TO_80), Reason.default_pass),
    Row("no next header (59)", frame(IPv6(next_header=59), TO_80), Reason.default_pass),
    Row("ESP, an extension header that hides the rest", frame(IPv6(next_header=50), TO_80), Reason.default_pass),
    Row("AH is not walked past", frame(IPv6(next_header=51), TO_80), Reason.default_pass),
    Row("a mobility header is not walked past", frame(IPv6(next_header=135), TO_80), Reason.default_pass),
    Row("a jumbogram: payload length 0", frame(IPv6(payload_length=0), TO_80), Reason.bad_offset),
    Row("IPv6 payload length one byte short of TCP", frame(IPv6(payload_length=19), TO_80), Reason.bad_offset),
    Row(
        "IPv6 payload length forgets the extension headers",
        frame(IPv6(extensions=[HOPS], payload_length=27), TO_80),
        Reason.bad_offset,
    ),
    Row("IPv6 payload length 0, but UDP", frame(IPv6(payload_length=0, next_header=17), TO_80), Reason.default_pass),
    Row("an IPv6 neighbour of the protected address", frame(IPv6(destination="2001:db8::3"), TO_80), Reason.not_ours),
    Row(
        "an IPv6 address that differs in its first bit", frame(IPv6(destination="a001:db8::2"), TO_80), Reason.not_ours
    ),
    Row(
        "IPv6 from the protected address, to the client",
        frame(IPv6("2001:db8::2", "2001:db8::1"), TO_80),
        Reason.not_ours,
    ),
    Row("IPv6's neighbour discovery multicast", frame(IPv6(destination="ff02::1:ff00:2"), TO_80), Reason.not_ours),
    answered("an IPv6 host of all ports", BARE, IPv6(destination=ANY_PORT6), Tcp(destination_port=22, flags=SYN)),
    Row(
        "the protected IPv4 address, mapped, in an IPv6 packet",
        frame(IPv6(destination="::ffff:192.0.2.10"), TO_80),
        Reason.not_ours,
    ),
]

ROWS = V4 + V6
