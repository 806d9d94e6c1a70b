"""SYNs beyond what may be answered: of a host, in total, of a source's prefix. Windows that follow: tests/transcripts."""

from __future__ import annotations

from collections.abc import Sequence

from naive.frames import RST, SYN, IPv4, IPv6, Tcp, frame
from naive.world import SCARCE, SCARCE6, WEB

from hardtack.packet.reasons import Reason
from rows.row import BARE, Row, answered, first_ack

TO_80 = Tcp(destination_port=80)
S4, S6 = IPv4(destination=SCARCE), IPv6(destination=SCARCE6)


def syns(ip: IPv4 | IPv6, count: int) -> tuple[bytes, ...]:
    """SYNs from several ports of a client."""
    return tuple(frame(ip, Tcp(1000 + number, 80)) for number in range(count))


def syn(ip: IPv4 | IPv6) -> bytes:
    """One more."""
    return frame(ip, TO_80)


LIMITS = [
    Row(
        "limits: the one SYN that a host may have answered",
        syn(S4),
        Reason.answered,
        answered("", BARE, S4, TO_80).out,
        number=8,
    ),
    Row("limits: one more for the host", syn(S4), Reason.host_limit, before=syns(S4, 1), number=8),
    Row(
        "limits: one more for the host over IPv6: one budget for both",
        syn(S6),
        Reason.host_limit,
        before=syns(S4, 1),
        number=8,
    ),
    Row("limits: its client's second is refused, too", syn(S6), Reason.host_limit, before=syns(S6, 2), number=8),
    Row("limits: from then on each prefix has its share", syn(S4), Reason.prefix_limit, before=syns(S4, 3), number=8),
    Row("limits: each /64 has its share", syn(S6), Reason.prefix_limit, before=syns(S6, 3), number=8),
    Row("limits: of one /24", syn(IPv4("198.51.100.255", SCARCE)), Reason.prefix_limit, before=syns(S4, 3)),
    Row("limits: of another /24", syn(IPv4("198.51.101.7", SCARCE)), Reason.host_limit, before=syns(S4, 3)),
    Row("limits: of one /64", syn(IPv6("2001:db8::ffff:1", SCARCE6)), Reason.prefix_limit, before=syns(S6, 3)),
    Row("limits: of another /64", syn(IPv6("2001:db8:0:1::1", SCARCE6)), Reason.prefix_limit, before=syns(S6, 3)),
    Row("limits: of another /48", syn(IPv6("2001:db8:1::1", SCARCE6)), Reason.host_limit, before=syns(S6, 3)),
    Row(
        "limits: another host has a budget of its own",
        syn(IPv4()),
        Reason.answered,
        answered("", BARE, None, TO_80).out,
        before=syns(S4, 4),
    ),
    Row(
        "limits: one more for all",
        syn(IPv6()),
        Reason.total_limit,
        before=syns(IPv4(), 2),
        policy={"replies": 2},
        number=1,
    ),
    Row(
        "limits: all, from then on each host has its share",
        syn(IPv4()),
        Reason.total_limit,
        before=syns(IPv4(), 3),
        policy={"replies": 1},
        number=1,
    ),
    Row(
        "limits: an eighth is for prefixes that have brought good cookies",
        syn(IPv4()),
        Reason.total_limit,
        before=syns(IPv4(), 7),
        policy={"replies": 8},
    ),
    Row(
        "limits: who has brought one",
        syn(IPv4()),
        Reason.answered,
        answered("", BARE, None, TO_80).out,
        before=(first_ack(IPv4(), Tcp(999, 80)), *syns(IPv4(), 7)),
        policy={"replies": 8},
    ),
    Row(
        "limits: whose neighbour has brought one, of the same /48",
        syn(IPv6()),
        Reason.answered,
        answered("", BARE, IPv6(), TO_80).out,
        before=(first_ack(IPv6("2001:db8:0:7::1"), Tcp(999, 80)), *syns(IPv6(), 7)),
        policy={"replies": 8},
    ),
    Row(
        "limits: a SYN of a known connection is not answered, and costs nothing",
        first_ack(S4, TO_80, flags=SYN),
        Reason.reopened,
        before=(first_ack(S4, TO_80), *syns(S4, 1)),
    ),
    Row("limits: no SYN, no limit", first_ack(S4, TO_80), Reason.remembered, before=syns(S4, 9)),
    Row("limits: nor for a RST", first_ack(S4, TO_80, flags=RST), Reason.stray_rst, before=syns(S4, 9)),
    Row(
        "limits: a SYN with FIN costs nothing",
        frame(S4, Tcp(destination_port=80, flags=3)),
        Reason.syn_fin,
        before=syns(S4, 9),
    ),
    Row(
        "limits: what is not answered costs nothing",
        syn(S4),
        Reason.answered,
        answered("", BARE, S4, TO_80).out,
        before=(
            frame(IPv4(destination=SCARCE, checksum=1), TO_80),
            frame(S4, Tcp(destination_port=80, flags=SYN | RST)),
            frame(S4, Tcp(destination_port=22)),
            frame(IPv4(destination=WEB)),
        ),
    ),
]


def capped(description: str, ip: IPv4 | IPv6, reason: Reason, before: Sequence[bytes], replies: int = 4) -> Row:
    """A SYN where a source prefix may have so many answers a second."""
    out = answered("", BARE, ip, TO_80).out if reason == Reason.answered else None
    return Row(f"cap: {description}", syn(ip), reason, out, before=tuple(before), policy={"prefix_replies": replies})


def subnets(count: int) -> list[bytes]:
    """SYNs from as many /64s of one /48."""
    return [syn(IPv6(f"2001:db8:0:{number:x}::1")) for number in range(1, count + 1)]


PROVEN4, PROVEN6 = first_ack(IPv4(), Tcp(999, 80)), first_ack(IPv6(), Tcp(999, 80))
CAP = [
    capped("the last of a /24", IPv4(), Reason.answered, syns(IPv4(), 3)),
    capped("one more of a /24", IPv4(), Reason.prefix_cap, syns(IPv4(), 4)),
    capped("one more of its neighbour's /24", IPv4("198.51.100.255"), Reason.prefix_cap, syns(IPv4(), 4)),
    capped("another /24", IPv4("198.51.101.7"), Reason.answered, syns(IPv4(), 4)),
    capped("for another host", IPv4(destination=SCARCE), Reason.prefix_cap, syns(IPv4(), 4)),
    capped("the last of a /64", IPv6(), Reason.answered, syns(IPv6(), 3)),
    capped("one more of a /64", IPv6(), Reason.prefix_cap, syns(IPv6(), 4)),
    capped("the last of a /48", IPv6(), Reason.answered, subnets(63)),
    capped("one more of a /48, by another /64", IPv6(), Reason.prefix_cap, subnets(64)),
    capped("another /48", IPv6("2001:db8:1::1"), Reason.answered, subnets(64)),
    capped("none is none at all: one", IPv4(), Reason.answered, (), 0),
    capped("and then no more", IPv4(), Reason.prefix_cap, syns(IPv4(), 1), 0),
    capped("64 times as many for who has brought a good cookie", IPv4(), Reason.answered, [PROVEN4, *syns(IPv4(), 63)], 1),
    capped("one more than that", IPv4(), Reason.prefix_cap, [PROVEN4, *syns(IPv4(), 64)], 1),
    capped("the same of a /64", IPv6(), Reason.prefix_cap, [PROVEN6, *syns(IPv6(), 64)], 1),
    capped("refused by another limit, it has counted", S4, Reason.prefix_cap, syns(S4, 4)),
]

ROWS = LIMITS + CAP
