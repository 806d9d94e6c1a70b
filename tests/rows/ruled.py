"""Hosts with rules, with `protect`, in a dry run: before the handshake and behind it. The rules are those of naive.world."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from naive.forward import Action
from naive.frames import (
    ACK,
    DESTINATION,
    FIN,
    FRAGMENT,
    GRE,
    ICMP,
    ICMP6,
    MORE_FRAGMENTS,
    PROVIDER,
    PSH,
    RST,
    SYN,
    UDP,
    URG,
    VLAN,
    Ethernet,
    Extension,
    IPv4,
    IPv6,
    Tcp,
    carrying,
    datagram,
    fragment_header,
    frame,
    options_header,
)
from naive.world import DRY, DRY6, NAMED, NAMED6, RULED, RULED6, STRICT, STRICT6

from hardtack.packet.reasons import Reason
from rows.others import carried, message
from rows.row import BARE, Row, acknowledgment, answered, first_ack

CLIENT, NEIGHBOUR, STRANGER = "198.51.100.7", "198.51.100.200", "198.51.101.7"
CLIENT6, NEIGHBOUR6, STRANGER6 = "2001:db8::1", "2001:db8::2:3", "2001:db8:0:1::1"
RULED4, RULED_6 = IPv4(destination=RULED), IPv6(destination=RULED6)
DRY4, DRY_6 = IPv4(destination=DRY), IPv6(destination=DRY6)
TAG, INNER = Ethernet(tags=((VLAN, 5),)), Ethernet(tags=((PROVIDER, 7), (VLAN, 5)))
CARRIED = b"x" * 40


def udp(ip: IPv4 | IPv6, to: int = 5000, by: int = 5000, link: Ethernet | None = None) -> bytes:
    """A datagram."""
    return carrying(ip, UDP, datagram(by, to), link)


def tcp(ip: IPv4 | IPv6, port: int, flags: int = SYN, link: Ethernet | None = None, **fields: Any) -> bytes:
    """A segment."""
    return frame(ip, Tcp(destination_port=port, flags=flags, **fields), link)


def both(description: str, reason: Reason, make: Any, hosts: tuple[str, str] = (RULED, RULED6), **fields: Any) -> list[Row]:
    """A frame over IPv4 and over IPv6; `before`: what came before, made likewise."""
    before = fields.pop("before", ())
    number = {RULED: 17, NAMED: 18, STRICT: 19, DRY: 20}[hosts[0]]
    return [
        Row(
            f"rules: {description}{over}", make(ip), reason, before=tuple(one(ip) for one in before), number=number, **fields
        )
        for over, ip in (("", IPv4(destination=hosts[0])), (" over IPv6", IPv6(destination=hosts[1])))
    ]


def from_others(ip: IPv4 | IPv6, near: bool) -> IPv4 | IPv6:
    """The same from a neighbour of the client, in its /24 or /64, or from further away."""
    if isinstance(ip, IPv4):
        return replace(ip, source=NEIGHBOUR if near else STRANGER)
    return replace(ip, source=NEIGHBOUR6 if near else STRANGER6)


BY_PORT = Tcp(destination_port=8443)
ACTIONS = [
    *both("drop", Reason.rule_drop, lambda ip: udp(ip, by=53)),
    *both("the first that matches holds", Reason.rule_drop, lambda ip: udp(ip, to=9, by=53)),
    Row("rules: pass", carrying(RULED4, ICMP, message(8)), Reason.rule_pass, number=17),
    Row("rules: pass over IPv6", carrying(RULED_6, ICMP6, message(128)), Reason.rule_pass, number=17),
    Row("rules: an ICMP error that no connection is known for passes", carrying(RULED4, ICMP, message(3)), Reason.rule_pass),
    *both("dry drop: as without rules", Reason.default_pass, lambda ip: udp(ip, by=123)),
    *both("limit: within it", Reason.rule_within, lambda ip: udp(ip, to=9)),
    *both("limit: beyond it", Reason.rule_limit, lambda ip: udp(ip, to=9), before=(lambda ip: udp(ip, to=9),)),
    *both("dry limit: beyond it", Reason.default_pass, lambda ip: udp(ip, to=10), before=(lambda ip: udp(ip, to=10),)),
    *both("limit per source: within it", Reason.rule_within, lambda ip: udp(ip, to=7)),
    *both(
        "limit per source: a neighbour has had it",
        Reason.rule_source_limit,
        lambda ip: udp(ip, to=7),
        before=(lambda ip: udp(from_others(ip, near=True), to=7),),
    ),
    *both(
        "limit per source: somebody else has had it",
        Reason.rule_within,
        lambda ip: udp(ip, to=7),
        before=(lambda ip: udp(from_others(ip, near=False), to=7),),
    ),
    answered("rules: count, then as without rules", BARE, replace(RULED4, tos=0x80), Tcp()),
    *both("protect: a bare ACK", Reason.stray_ack, lambda ip: tcp(ip, 8443, ACK)),
    answered("rules: protect, whatever `ports` says", BARE, RULED4, BY_PORT),
    answered("rules: protect, over IPv6", BARE, RULED_6, BY_PORT),
    answered("rules: limit, TCP within it", BARE, RULED4, Tcp(destination_port=25)),
    *both("no rule, and no protected port", Reason.other_port, lambda ip: tcp(ip, 22)),
    *both("no rule: a bare ACK", Reason.stray_ack, lambda ip: tcp(ip, 80, ACK)),
    answered("rules: none matches a SYN", BARE, RULED4, Tcp(destination_port=80)),
    *both("a protocol that is none of the others", Reason.rule_within, lambda ip: carrying(ip, GRE, bytes(8))),
    *both("drop: data of no connection", Reason.rule_drop, lambda ip: tcp(ip, 443, ACK | PSH, payload=CARRIED)),
    *both("protect: no flag", Reason.null, lambda ip: tcp(ip, 8443, 0)),
    *both("protect: TCP that cannot be", Reason.bad_offset, lambda ip: tcp(ip, 8443, doff=4)),
]

SYN_8443, SYN_443 = Tcp(destination_port=8443), Tcp(destination_port=443)
FOUR, SIX = first_ack(RULED4, SYN_8443), first_ack(RULED_6, SYN_8443)
ON_443 = first_ack(RULED4, SYN_443)
MINE = acknowledgment(RULED4, SYN_8443)
BEHIND = [
    Row("rules: protect, a good cookie", FOUR, Reason.remembered, number=17),
    Row("rules: protect, a good cookie over IPv6", SIX, Reason.remembered, number=17),
    Row("rules: protect, of a known connection", FOUR, Reason.connection, before=(FOUR,)),
    Row(
        "rules: protect, data of a known connection",
        frame(RULED4, replace(MINE, payload=b"GET /", flags=ACK | PSH)),
        Reason.connection,
        before=(FOUR,),
    ),
    Row("rules: a good cookie of a port that no rule names", ON_443, Reason.remembered),
    Row(
        "rules: drop, behind the handshake",
        frame(RULED4, replace(acknowledgment(RULED4, SYN_443), payload=CARRIED, flags=ACK | PSH)),
        Reason.rule_drop,
        before=(ON_443,),
    ),
    Row(
        "rules: what the host says of a connection of another port is heard",
        frame(IPv4(RULED, CLIENT), Tcp(8443, 40000, MINE.ack, MINE.seq, ACK)),
        Reason.outbound_first,
        before=(FOUR,),
        side="inside",
    ),
    Row("rules: the host teaches of any port", frame(IPv4(RULED, CLIENT), Tcp(9999, 80)), Reason.taught, side="inside"),
]


def data_of_89(ip: IPv4 | IPv6, link: Ethernet) -> bytes:
    """A segment for port 443 that is 89 bytes long without its tags: one less than the rule is about."""
    bare = len(frame(ip, Tcp(payload=b"")))
    return frame(ip, Tcp(flags=ACK, payload=bytes(89 - bare)), link)


TAGGED = [
    *both("tagged: drop", Reason.rule_drop, lambda ip: udp(ip, by=53, link=TAG)),
    *both("tagged twice: drop", Reason.rule_drop, lambda ip: udp(ip, by=53, link=INNER)),
    *both("tagged: lengths are those without the tags", Reason.stray_data, lambda ip: data_of_89(ip, TAG)),
    *both("tagged: no rule", Reason.other_port, lambda ip: tcp(ip, 22, link=TAG)),
    *both("a rule about VLANs sees them", Reason.rule_drop, lambda ip: tcp(ip, 80, link=Ethernet(tags=((VLAN, 66),)))),
    *both("a rule about VLANs, another one", Reason.stray_ack, lambda ip: tcp(ip, 80, ACK, link=TAG)),
    answered("rules: tagged, protect", BARE, RULED4, BY_PORT, TAG),
]


PIECES = [
    Row("rules: a fragment of UDP is UDP", carried(replace(RULED4, fragment=5, protocol=UDP), b"data"), Reason.rule_within),
    Row("rules: a fragment of TCP is TCP", carried(replace(RULED4, fragment=5), b"data"), Reason.later_fragment),
    Row(
        "rules: a first fragment of TCP, though a rule limits it",
        carried(replace(RULED4, fragment=MORE_FRAGMENTS), Tcp(destination_port=25).encode(CLIENT, RULED)),
        Reason.first_fragment,
    ),
    Row(
        "rules: over IPv6 a fragment header comes before what a rule is about",
        carrying(replace(RULED_6, extensions=[Extension(FRAGMENT, fragment_header(5))]), UDP, b"data"),
        Reason.rule_within,
    ),
]

BY_NAME = (NAMED, NAMED6)
BY_NAME_STRICTLY = (STRICT, STRICT6)
FROM_SHARED = IPv4("100.64.0.1", NAMED)
HIDDEN = IPv6(destination=NAMED6, extensions=[Extension(DESTINATION, options_header())])
OUTWARD = frame(IPv4(STRICT, CLIENT), Tcp(33333, 25))
PROTECT = [
    answered("protect: what it names", BARE, IPv4(destination=NAMED), Tcp(destination_port=80)),
    answered("protect: what it names, over IPv6", BARE, IPv6(destination=NAMED6), Tcp(destination_port=80)),
    answered("protect: TCP behind extension headers, whose port it does not see", BARE, HIDDEN, Tcp(destination_port=443)),
    *both("protect: TCP that it does not name passes", Reason.default_pass, lambda ip: tcp(ip, 443), BY_NAME),
    *both("protect: so does any segment", Reason.default_pass, lambda ip: tcp(ip, 443, ACK | FIN), BY_NAME),
    *both("protect: and a datagram", Reason.default_pass, lambda ip: udp(ip), BY_NAME),
    *both("protect: a rule before it", Reason.rule_drop, lambda ip: udp(ip, by=54), BY_NAME),
    *both("protect: behind what is only tried", Reason.default_pass, lambda ip: udp(ip, by=53), BY_NAME),
    answered("protect: behind what is only counted", BARE, FROM_SHARED, Tcp(destination_port=80)),
    Row("protect: only counted, and not named", tcp(FROM_SHARED, 443), Reason.default_pass, number=18),
    *both("protect, and all else dropped: a bare ACK", Reason.stray_ack, lambda ip: tcp(ip, 443, ACK), BY_NAME_STRICTLY),
    *both("protect: all else is dropped", Reason.default_drop, lambda ip: tcp(ip, 22), BY_NAME_STRICTLY),
    *both("protect: segments too", Reason.default_drop, lambda ip: tcp(ip, 22, RST), BY_NAME_STRICTLY),
    *both("protect: datagrams too", Reason.default_drop, lambda ip: udp(ip), BY_NAME_STRICTLY),
    Row(
        "protect: what the host has asked for is not dropped",
        frame(IPv4(CLIENT, STRICT), Tcp(25, 33333, 7, 0xDEADBEF0, SYN | ACK)),
        Reason.connection,
        heard=(OUTWARD,),
    ),
]

TO_443 = Tcp(destination_port=443)
ANSWER4 = frame(IPv4(DRY, CLIENT), Tcp(443, 40000, 0x7000, 0xDEADBEF0, SYN | ACK))
ANSWER6 = frame(IPv6(DRY6, CLIENT6), Tcp(443, 40000, 0x7000, 0xDEADBEF0, SYN | ACK))
FIRST = Tcp(40000, 443, 0xDEADBEF0, 0x7001, ACK)


def kept(description: str, reason: Reason, make: Any, before: Any = ()) -> list[Row]:
    """What the host gets nevertheless."""
    return both(f"dry run: {description}", reason, make, (DRY, DRY6), before=before, action=Action.kernel)


DRY_RUN = [
    *kept("a SYN is not answered", Reason.answered, lambda ip: tcp(ip, 443)),
    *kept("a SYN with options", Reason.answered, lambda ip: tcp(ip, 80, options=b"\2\4\5\xb4")),
    *kept("tagged", Reason.answered, lambda ip: tcp(ip, 443, link=TAG)),
    *kept("a SYN beyond the host's budget",
        Reason.host_limit,
        lambda ip: tcp(ip, 443),
        before=4 * (lambda ip: tcp(ip, 80),)
    ),
    *kept("a bare ACK", Reason.stray_ack, lambda ip: tcp(ip, 443, ACK)),
    *kept("many bare ACKs are not held against anybody",
        Reason.stray_ack,
        lambda ip: tcp(ip, 443, ACK),
        before=130 * (lambda ip: tcp(ip, 443, ACK),)
    ),
    *kept("what no TCP sends", Reason.xmas, lambda ip: tcp(ip, 443, FIN | PSH | URG)),
    *kept("another port", Reason.other_port, lambda ip: tcp(ip, 22)),
    *kept("drop", Reason.rule_drop, lambda ip: udp(ip, by=53)),
    *kept("limit", Reason.rule_limit, lambda ip: udp(ip, to=9), before=(lambda ip: udp(ip, to=9),)),
    *kept("pass", Reason.rule_pass, lambda ip: udp(ip, to=10)),
    *kept("a datagram", Reason.default_pass, lambda ip: udp(ip)),
    Row("dry run: the host's answer makes a connection known", ANSWER4, Reason.taught, side="inside", number=20),
    Row("dry run: over IPv6", ANSWER6, Reason.taught, side="inside", number=20),
    Row(
        "dry run: the client's ACK is of that", frame(DRY4, FIRST), Reason.connection, heard=(ANSWER4,), action=Action.kernel
    ),
    Row("dry run: over IPv6, too", frame(DRY_6, FIRST), Reason.connection, heard=(ANSWER6,), action=Action.kernel),
    Row("dry run: the answer once more", ANSWER4, Reason.outbound, side="inside", heard=(ANSWER4,)),
    Row(
        "dry run: what the host says then",
        frame(IPv4(DRY, CLIENT), Tcp(443, 40000, 0x7001, 0xDEADBEF0, ACK)),
        Reason.outbound,
        side="inside",
        heard=(ANSWER4,),
    ),
    Row("dry run: a cookie from before", first_ack(DRY4, TO_443), Reason.remembered, action=Action.kernel),
]

ROWS = [*ACTIONS, *BEHIND, *TAGGED, *PIECES, *PROTECT, *DRY_RUN]
