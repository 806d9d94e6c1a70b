"""Protected networks: an address in one, one with a policy of its own, and what is excluded."""

from __future__ import annotations

from dataclasses import replace

from naive.frames import ACK, IPv4, IPv6, Tcp, frame
from naive.world import EXCLUDED, EXCLUDED6, IN_NET, IN_NET6, NET, NET6, OWN, OWN6

from hardtack.packet.reasons import Reason
from rows.row import BARE, Row, answered

SYN80 = Tcp(destination_port=80)
SSH = Tcp(destination_port=22)
SAID = Tcp(80, 40000, flags=ACK)
TARGETS = (("first", NET, NET6, 21), ("one", IN_NET, IN_NET6, 21), ("one with a policy of its own", OWN, OWN6, 22))
OUTSIDE = (("behind its end", "192.0.4.0", "2001:db8:f::"), ("before its beginning", "192.0.2.255", "2001:db8:d:ffff::ffff"))

ROWS = [
    *(
        replace(answered(f"network: the {which} address in it, {type(ip).__name__}", BARE, ip, SYN80), number=number)
        for which, four, six, number in TARGETS
        for ip in (IPv4(destination=four), IPv6(destination=six))
    ),
    *(
        Row(
            f"network: another port of the {which} address, {type(ip).__name__}",
            frame(ip, SSH),
            Reason.other_port,
            number=number,
        )
        for which, four, six, number in TARGETS
        for ip in (IPv4(destination=four), IPv6(destination=six))
    ),
    *(
        Row(f"network: {what}, {type(ip).__name__}", frame(ip, SYN80), Reason.not_ours, number=0)
        for what, four, six in (("excluded", EXCLUDED, EXCLUDED6), *OUTSIDE)
        for ip in (IPv4(destination=four), IPv6(destination=six))
    ),
    *(
        Row(
            f"network: the {which} address in it speaks, {type(ip).__name__}",
            frame(ip, SAID),
            Reason.taught,
            side="inside",
            number=number,
        )
        for which, four, six, number in TARGETS
        for ip in (IPv4(source=four), IPv6(source=six))
    ),
    Row("network: excluded speaks", frame(IPv4(source=EXCLUDED), SAID), Reason.not_ours, side="inside", number=0),
]
