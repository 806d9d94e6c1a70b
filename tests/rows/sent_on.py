"""Frames that are sent on by the program itself: MAC addresses, TTL, tags; and those that are left to the kernel."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from naive.cookie import EPOCH
from naive.forward import Action
from naive.frames import (
    ACK,
    HOP_BY_HOP,
    MORE_FRAGMENTS,
    PROVIDER,
    PSH,
    RST,
    SYN,
    UDP,
    VLAN,
    Ethernet,
    Extension,
    IPv4,
    IPv6,
    Tcp,
    datagram,
    frame,
    options_header,
    packed,
)
from naive.state import mapped
from naive.world import (
    BACK,
    BACK6,
    EPOCH_BEGINS,
    EXITS,
    FOUND,
    FOUND6,
    HOPS,
    LODGER,
    LOST,
    NOW,
    OTHER_KEYS,
    ROUTED,
    ROUTED6,
    SOUGHT,
    SOUGHT6,
    SWITCHED,
    SWITCHED6,
    VIRTUAL,
)

from hardtack.packet.reasons import Reason
from rows.known import told
from rows.row import BARE, Row, acknowledgment, answered, first_ack

TO_80 = Tcp(destination_port=80)
REMEMBERED = Reason.remembered
BIG = b"\xa5" * 1448  # 1,500 bytes of IPv4 with 12 bytes of options; 1,280 of IPv6 is the farther exit's MTU
KEEP = -1  # tags stay


def sent(
    description: str,
    ip: IPv4 | IPv6,
    after: IPv4 | IPv6,
    tags: Any = KEEP,
    link: Ethernet | None = None,
    **changes: Any,
) -> Row:
    """A client's first ACK, sent on: the IP header as it is afterwards, and the tags."""
    link = link or Ethernet()
    segment = replace(acknowledgment(ip, TO_80), **changes)
    hop = HOPS[mapped(packed(ip.destination))]
    to = Ethernet(EXITS[hop.exit].mac, hop.mac, link.tags if tags == KEEP else tags)
    action = Action.exit if hop.exit else Action.back
    return Row(description, frame(ip, segment, link), REMEMBERED, frame(after, segment, to), action=action)


def kept(description: str, given: bytes, reason: Reason = REMEMBERED, **fields: Any) -> Row:
    """A frame for a host that is left to the kernel as it is."""
    return Row(description, given, reason, action=Action.kernel, **fields)


def answered_syn(ip: IPv4) -> tuple[bytes, Reason, bytes]:
    """A bare SYN, and its answer."""
    row = answered("", BARE, ip, TO_80)
    return row.frame, row.reason, row.expected


def once_routed(ip: IPv4) -> IPv4:
    """One hop less to live."""
    return replace(ip, ttl=ip.ttl - 1)


R4, R6 = IPv4(destination=ROUTED), IPv6(destination=ROUTED6)
S4, S6 = IPv4(destination=SWITCHED), IPv6(destination=SWITCHED6)
L4, L6 = IPv4(destination=FOUND), IPv6(destination=FOUND6)
B4, B6 = IPv4(destination=BACK), IPv6(destination=BACK6)
NEARLY = IPv6(destination=ROUTED6, hop_limit=2)
ONE, TWO = Ethernet(tags=[(VLAN, 0x6005)]), Ethernet(tags=[(PROVIDER, 0xF006), (VLAN, 0x6005)])
OPTIONS = b"\x94\x04\x00\x00"


def zero_after() -> list[Row]:
    """IPv4 headers of every checksum near where one's complement has two zeros."""
    rows = []
    for wanted in (0xFEFD, 0xFEFE, 0xFEFF, 0xFF00, 0xFF01, 0xFFFE, 0x0000, 0x0001, 0x00FF, 0x0100):
        number = (checksum_of(replace(R4, identification=0)) - wanted) % 0xFFFF  # in one's complement
        ip = replace(R4, identification=number)
        assert checksum_of(ip) == wanted
        rows.append(sent(f"routed: TTL's checksum, from {wanted:04x}", ip, once_routed(ip)))
    return rows


def checksum_of(ip: IPv4) -> int:
    """The checksum of a header before a bare ACK."""
    return int.from_bytes(ip.encode(bytes(20))[10:12], "big")


ROUTING = [
    sent("routed: TTL less by one, new addresses", R4, once_routed(R4)),
    sent("routed over IPv6: one tag where none was", R6, replace(R6, hop_limit=56), [(VLAN, 100)]),
    sent("routed: tags stay", R4, once_routed(R4), link=TWO),
    sent(
        "routed over IPv6: a tag for the tag, its priority kept", R6, replace(R6, hop_limit=56), [(VLAN, 0x6064)], ONE
    ),
    sent(
        "routed over IPv6: one tag for two, the outer's priority", R6, replace(R6, hop_limit=56), [(VLAN, 0xF064)], TWO
    ),
    sent("routed: TTL 2", replace(R4, ttl=2), replace(R4, ttl=1)),
    sent("routed: TTL 255", replace(R4, ttl=255), replace(R4, ttl=254)),
    sent("routed: hop limit 2", NEARLY, replace(NEARLY, hop_limit=1), [(VLAN, 100)]),
    kept("routed: IPv4 options are the kernel's", first_ack(replace(R4, options=OPTIONS), TO_80)),
    kept(
        "routed: hop-by-hop options are the kernel's",
        first_ack(replace(R6, extensions=[Extension(HOP_BY_HOP, options_header())]), TO_80),
    ),
    sent("routed: class of service stays", replace(R4, tos=0xB8), once_routed(replace(R4, tos=0xB8))),
    sent(
        "routed: extension headers stay",
        replace(R6, extensions=[Extension(60, options_header(2))]),
        replace(R6, extensions=[Extension(60, options_header(2))], hop_limit=56),
        [(VLAN, 100)],
    ),
    sent("routed: as long as the MTU", R4, once_routed(R4), payload=BIG + bytes(12)),
    sent("routed: as long as the MTU over IPv6", R6, replace(R6, hop_limit=56), [(VLAN, 100)], payload=bytes(1220)),
    sent(
        "routed: the MTU is IP's, not the frame's",
        replace(R4, total=40),
        once_routed(replace(R4, total=40)),
        payload=bytes(1600),
    ),
    *zero_after(),
    sent(
        "routed: a checksum that is wrong stays wrong",
        replace(R4, checksum=1),
        replace(once_routed(R4), checksum=0x0101),
    ),
    kept("routed: TTL 1 is the kernel's", first_ack(replace(R4, ttl=1), TO_80)),
    kept("routed: TTL 0", first_ack(replace(R4, ttl=0), TO_80)),
    kept("routed: hop limit 1", first_ack(replace(R6, hop_limit=1), TO_80)),
    kept("routed: one byte too long", first_ack(R4, TO_80, payload=BIG + bytes(13))),
    kept("routed: one byte too long over IPv6", first_ack(R6, TO_80, payload=bytes(1221))),
    kept("routed: longer than the MTU by its own account", first_ack(replace(R4, total=1501), TO_80)),
    sent("routed: an address that was learned", L4, once_routed(L4)),
    sent("routed over IPv6: likewise", L6, replace(L6, hop_limit=56)),
    kept("routed: one that is to be learned", first_ack(IPv4(destination=SOUGHT), TO_80), number=23),
    kept("routed over IPv6: likewise, to be learned", first_ack(IPv6(destination=SOUGHT6), TO_80), number=23),
    kept("routed: nobody knows the next hop", first_ack(IPv4(destination=LOST), TO_80, keys=OTHER_KEYS), number=7),
    Row("routed: a bad cookie goes nowhere", first_ack(R4, TO_80, ack=7), Reason.stray_ack, number=4),
    Row("routed: a SYN is answered, as for any host", *answered_syn(R4), number=4),
]

SWITCHING = [
    sent("switched: one tag where none was", S4, S4, [(VLAN, 4094)]),
    sent("switched: a tag for the tag, its priority kept", S4, S4, [(VLAN, 0x6FFE)], ONE),
    sent("switched: one tag for two, the outer's priority", S4, S4, [(VLAN, 0xFFFE)], TWO),
    sent("switched: TTL 1, which is a router's business", replace(S4, ttl=1), replace(S4, ttl=1), [(VLAN, 4094)]),
    sent("switched: TTL 0", replace(S4, ttl=0), replace(S4, ttl=0), [(VLAN, 4094)]),
    kept("switched: longer than the MTU: the exit would drop it", first_ack(S4, TO_80, payload=bytes(3000))),
    kept("back out, longer than the MTU", first_ack(B4, TO_80, payload=bytes(3000))),
    sent("switched: IPv4 checksum wrong", replace(S4, checksum=7), replace(S4, checksum=7), [(VLAN, 4094)]),
    sent("switched over IPv6: no tag, and none was", S6, S6, []),
    sent("switched over IPv6: a tag is taken off", S6, S6, [], ONE),
    sent("switched over IPv6: two tags are taken off", S6, S6, [], TWO),
    sent("switched over IPv6: hop limit 1", replace(S6, hop_limit=1), replace(S6, hop_limit=1), []),
    sent("switched: IPv4 options stay", replace(S4, options=OPTIONS), replace(S4, options=OPTIONS), [(VLAN, 4094)]),
    sent("back out of the interface that it came in by", B4, B4),
    sent("back out, the tag stays", B4, B4, link=ONE),
    sent("back out over IPv6, two tags stay", B6, B6, link=TWO),
    Row(
        "no room for a tag: the kernel's, as it came",
        first_ack(S4, TO_80),
        REMEMBERED,
        room=3,
        action=Action.kernel,
    ),
    Row(
        "no room for a tag, routed: the kernel's, with all its hops",
        first_ack(R6, TO_80),
        REMEMBERED,
        room=3,
        action=Action.kernel,
    ),
]

# Whatever the reason, once the verdict is FORWARD
FIRST = first_ack(B4, TO_80)
SEQ = acknowledgment(B4, TO_80).seq
THERE = Ethernet(EXITS[0].mac, HOPS[mapped(packed(BACK))].mac)


def forwarded(reason: Reason, policy: dict[str, int] | None = None, **changes: Any) -> Row:
    """A segment of a known connection (or in the grace period), back out of the interface that it came in by."""
    segment = replace(acknowledgment(B4, TO_80), **changes)
    before, heard = ((), ()) if policy else ((FIRST,), (told(B4, acknowledgment(B4, TO_80)),))
    out = frame(B4, segment, THERE)
    return Row(
        f"sent on: {reason.name}",
        frame(B4, segment),
        reason,
        out,
        before=before,
        heard=heard,
        action=Action.back,
        policy=policy or {},
    )


EVERY_REASON = [
    forwarded(Reason.connection, flags=ACK | PSH, payload=b"GET / HTTP/1.1\r\n\r\n"),
    forwarded(Reason.reopened, flags=SYN),
    forwarded(Reason.reset, flags=RST),
    forwarded(Reason.reset_asked, flags=RST, seq=SEQ + 1),
    forwarded(Reason.learned, {"grace_until": NOW + 1}, ack=7),
]

ELSEWHERE = Ethernet(destination=bytes.fromhex("020000000f02"))
EVERYBODY = Ethernet(destination=b"\xff" * 6)
SHOWN = [
    kept(f"{how}, but {whose}: the kernel's", first_ack(ip, TO_80, link=link))
    for how, ip in (
        ("routed", R4),
        ("routed over IPv6", R6),
        ("switched", S4),
        ("switched over IPv6", S6),
        ("back", B4),
    )
    for whose, link in (("for another MAC address", ELSEWHERE), ("for all MAC addresses", EVERYBODY))
]

FOR_US = [
    sent(f"{how}, for {whose}", ip, after, tags, Ethernet(destination=mac))
    for how, ip, after, tags in (
        ("routed", R4, once_routed(R4), KEEP),
        ("switched over IPv6", S6, S6, []),
        ("back", B4, B4, KEEP),
    )
    for whose, mac in (("a virtual router that is here", VIRTUAL), ("somebody else who lives here", LODGER))
]

DATAGRAM = datagram(53, 40000)
QUOTED = replace(B4, source=BACK, destination=B4.source).encode(Tcp(80, 40000).encode(BACK, B4.source))
UNREACHABLE = replace(B4, source="198.51.100.1", protocol=1)


def passed(description: str, given: bytes, reason: Reason, **fields: Any) -> Row:
    """A frame for the host that is sent back out: as a switch would, whatever it is that is let pass."""
    hop = HOPS[mapped(packed(BACK6 if given[12:14] == b"\x86\xdd" else BACK))]
    out = hop.mac + THERE.source + given[12:]
    return Row(f"switched: {description}", given, reason, out, action=Action.back, number=6, **fields)


def carried(ip: IPv4 | IPv6, payload: bytes) -> bytes:
    """A frame with something else than TCP."""
    return Ethernet().encode(ip.ethertype, ip.encode(payload))


# Where the front is a switch it is one for all that it lets pass
PASSED = [
    passed("another port", frame(B4, Tcp(destination_port=22)), Reason.other_port),
    passed("another port over IPv6", frame(B6, Tcp(destination_port=22)), Reason.other_port),
    passed("UDP", carried(replace(B4, protocol=UDP), DATAGRAM), Reason.default_pass),
    passed("a fragment of UDP", carried(replace(B4, protocol=UDP, fragment=MORE_FRAGMENTS), DATAGRAM), Reason.default_pass),
    passed(
        "an error about a known connection",
        carried(UNREACHABLE, b"\x03\x04" + bytes(6) + QUOTED),
        Reason.icmp_error,
        before=(FIRST,),
    ),
    passed("an error about another", carried(UNREACHABLE, b"\x03\x04" + bytes(6) + QUOTED), Reason.default_pass),
    passed(
        "neighbour discovery", carried(replace(B6, next_header=58, hop_limit=255), b"\x87" + bytes(23)), Reason.neighbour
    ),
    passed("no key", frame(B4, TO_80), Reason.no_key, now_ms=EPOCH_BEGINS + 3 * EPOCH),
    kept("switched: a SYN for another MAC address", frame(B4, TO_80, ELSEWHERE), Reason.not_for_us, number=6),
    kept("routed: another port is the kernel's", frame(R4, Tcp(destination_port=22)), Reason.other_port),
    kept("routed: UDP is the kernel's", carried(replace(R4, protocol=UDP), DATAGRAM), Reason.default_pass),
    kept(
        "switched: another port, for another MAC address",
        frame(B4, Tcp(destination_port=22), ELSEWHERE),
        Reason.other_port,
    ),
]

ROWS = ROUTING + SWITCHING + EVERY_REASON + SHOWN + FOR_US + PASSED
