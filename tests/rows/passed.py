"""Hosts that answer SYNs themselves: with `pass`, or while nobody attacks; and dry runs, in which all do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from naive.forward import Action
from naive.frames import ACK, FIN, RST, SYN, VLAN, Ethernet, IPv4, IPv6, Tcp, frame, packed
from naive.state import Held, mapped
from naive.world import (
    CALM,
    CALM6,
    CHALLENGE,
    DRY,
    DRY6,
    EXITS,
    FEW,
    FEW6,
    HOPS,
    NOW,
    OPEN,
    OPEN6,
    PASS,
    PASSED,
    PASSED6,
    ROUTED,
    ROUTED6,
    with_handshake,
)

from hardtack.packet.reasons import Reason
from rows.challenged import KEYLESS
from rows.row import Row, first_ack, proof

TO_80 = Tcp(destination_port=80)
DATA = replace(TO_80, seq=TO_80.seq + 1, ack=7, flags=ACK, payload=b"GET / HTTP/1.1\r\n\r\n")
P4, P6, O4, O6 = IPv4(destination=PASSED), IPv6(destination=PASSED6), IPv4(destination=OPEN), IPv6(destination=OPEN6)
F4, F6, M4, M6 = IPv4(destination=FEW), IPv6(destination=FEW6), IPv4(destination=CALM), IPv6(destination=CALM6)
D4, D6, R4, R6 = IPv4(destination=DRY), IPv6(destination=DRY6), IPv4(destination=ROUTED), IPv6(destination=ROUTED6)


def both(
    description: str,
    four: IPv4,
    six: IPv6,
    reason: Reason,
    tcp: Tcp = TO_80,
    before: Sequence[Tcp] = (),
    **changes: object,
) -> list[Row]:
    """A segment over IPv4 and over IPv6, after others."""
    return [
        Row(f"pass: {description}{over}", frame(ip, tcp), reason, before=tuple(frame(ip, one) for one in before), **changes)  # type: ignore[arg-type]
        for ip, over in ((four, ""), (six, " over IPv6"))
    ]


def syns(count: int) -> list[Tcp]:
    """By ports of their own."""
    return [replace(TO_80, source_port=port) for port in range(1, count + 1)]


OPENED = [
    *both("a SYN goes on", P4, P6, Reason.opened, number=26),
    *both("a SYN with data", P4, P6, Reason.opened, replace(TO_80, payload=b"fast open")),
    *both("a SYN with no key", P4, P6, Reason.opened, now_ms=KEYLESS),
    *both("a SYN with FIN", P4, P6, Reason.syn_fin, replace(TO_80, flags=SYN | FIN)),
    *both("a SYN once more", P4, P6, Reason.reopened, before=[TO_80]),
    *both("a third one", P4, P6, Reason.implausible, before=[TO_80] * 2),
    *both("a stranger's ACK", P4, P6, Reason.stray_ack, replace(DATA, payload=b"")),
    *both("a stranger's data", P4, P6, Reason.stray_data, DATA),
    *both("a stranger's FIN", P4, P6, Reason.stray_fin, replace(DATA, flags=ACK | FIN)),
    *both("a stranger's RST", P4, P6, Reason.stray_rst, replace(DATA, flags=RST)),
    *both("a stranger's ACK with no key", P4, P6, Reason.stray_data, DATA, now_ms=KEYLESS),
    *both("a stranger in the grace period", P4, P6, Reason.learned, DATA, policy={"grace_until": NOW + 1}),
    *both("data before the host has answered", P4, P6, Reason.doubtful, DATA, before=[TO_80]),
    *both("data, where the host is not heard", O4, O6, Reason.established, DATA, before=[TO_80], number=27),
    *both("the next data", O4, O6, Reason.connection, replace(DATA, seq=DATA.seq + 18), before=[TO_80, DATA]),
    *both("beyond what a prefix may open", P4, P6, Reason.newcomer_limit, before=syns(2), policy={"prefix_connections": 1}),
    *both("the last that it may", P4, P6, Reason.opened, before=syns(1), policy={"prefix_connections": 1}),
    *both("the last that the host takes", F4, F6, Reason.opened, before=syns(3), number=28),
    *both("one more than the host takes", F4, F6, Reason.syn_limit, before=syns(4), number=28),
    *both("and still more: each prefix has its share", F4, F6, Reason.syn_limit, before=syns(5), number=28),
    *both("more than its share", F4, F6, Reason.prefix_limit, before=syns(9), number=28),
    Row("pass: a cookie is none", first_ack(P4, TO_80), Reason.stray_ack),
    Row("pass: a challenge is none", proof(P4), Reason.stray_rst),
    Row("pass: IPv4 checksum wrong", frame(replace(P4, checksum=1), TO_80), Reason.bad_checksum),
    Row("pass: another MAC address", frame(P4, TO_80, Ethernet(destination=b"\2\0\0\0\0\1")), Reason.not_for_us),
    Row("pass: from nobody", frame(replace(P4, source="127.0.0.1"), TO_80), Reason.martian),
    Row("pass: under a tag", frame(P4, TO_80, Ethernet(tags=[(VLAN, 5)])), Reason.opened),
    Row("pass: another port", frame(P4, Tcp(destination_port=22)), Reason.other_port),
]
IN_CALM = [
    *both("a SYN while nobody attacks", M4, M6, Reason.opened, number=29),
    *both("the same with no key", M4, M6, Reason.opened, now_ms=KEYLESS),
    *both("a wrong cookie with no key", M4, M6, Reason.no_key, DATA, now_ms=KEYLESS),
    *(
        Row(f"pass: a good cookie is one while nobody attacks{over}", first_ack(ip, TO_80), Reason.remembered, number=29)
        for ip, over in ((M4, ""), (M6, " over IPv6"))
    ),
    *both("a wrong one is not", M4, M6, Reason.stray_data, DATA),
]


def dry(description: str, held: Held, reason: Reason, tcp: Tcp = TO_80, before: Sequence[Tcp] = ()) -> list[Row]:
    """The same in a dry run: all goes on, and nobody is answered or remembered."""
    hosts = {"hosts": with_handshake(held, DRY, DRY6)}
    return both(f"dry run: {description}", D4, D6, reason, tcp, before, policy=hosts, action=Action.kernel, number=20)


IN_DRY = [
    *dry("a SYN that would go on", PASS, Reason.opened),
    *dry("and again", PASS, Reason.opened, before=[TO_80]),
    *dry("a SYN that would be challenged", CHALLENGE, Reason.challenged),
    *dry("beyond what would be answered", CHALLENGE, Reason.host_limit, before=syns(4)),
    *dry("nobody's data", CHALLENGE, Reason.stray_data, DATA),
    *dry("nobody's RST", CHALLENGE, Reason.stray_rst, replace(DATA, flags=RST)),
]


def routed(description: str, ip: IPv4 | IPv6, after: IPv4 | IPv6, tcp: Tcp, reason: Reason, *before: Tcp) -> Row:
    """Sent straight on to its host."""
    hop, given = HOPS[mapped(packed(ip.destination))], Ethernet()
    tags = [] if isinstance(ip, IPv4) else [(VLAN, 100)]
    to = Ethernet(EXITS[hop.exit].mac, hop.mac, tags)
    hosts = {"hosts": with_handshake(PASS, ROUTED, ROUTED6)}
    earlier = tuple(frame(ip, one) for one in before)
    return Row(f"pass: {description}", frame(ip, tcp, given), reason, frame(after, tcp, to), before=earlier, policy=hosts)


NEXT4, NEXT6 = replace(R4, ttl=56), replace(R6, hop_limit=56)
ROUTED_ON = [
    routed("a SYN is routed", R4, NEXT4, TO_80, Reason.opened),
    routed("a SYN is routed over IPv6", R6, NEXT6, TO_80, Reason.opened),
    routed("the first ACK is routed", R4, NEXT4, DATA, Reason.established, TO_80),
    routed("the first ACK is routed over IPv6", R6, NEXT6, DATA, Reason.established, TO_80),
]

ROWS = OPENED + IN_CALM + IN_DRY + ROUTED_ON
