"""SYNs beyond what may be answered: of a host, in total, of a source's prefix. Windows that follow: tests/transcripts."""

from __future__ import annotations

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


ROWS = [
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
    Row("limits: of another /64", syn(IPv6("2001:db8:0:1::1", SCARCE6)), Reason.host_limit, before=syns(S6, 3)),
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
        "limits: all, from then on each prefix has its share",
        syn(IPv4()),
        Reason.prefix_limit,
        before=syns(IPv4(), 3),
        policy={"replies": 1},
        number=1,
    ),
    Row(
        "limits: a SYN of a known connection is paid for as well",
        first_ack(S4, TO_80, flags=SYN),
        Reason.host_limit,
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
