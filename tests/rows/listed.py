"""Lists of sources: a host's own against the one for all hosts, allowed inside of denied, all kinds of frames.

For all hosts 192.88.99.0/24 and 2001:db8:bad::/48 are denied but for parts of them; the web host has a list of its own.
"""

from __future__ import annotations

from dataclasses import replace

from naive.frames import ACK, FIN, ICMP6, MORE_FRAGMENTS, RST, SYN, VLAN, Ethernet, IPv4, IPv6, Tcp, frame
from naive.world import ANY_PORT, ANY_PORT6, EDGES, SWITCHED, WEB, WEB6

from hardtack.packet.reasons import Reason
from rows.others import NEAR, SENT4, SENT6, carried, error4, error6, message
from rows.row import BARE, Row

TO_80 = Tcp(destination_port=80)
DENIED4, DENIED6 = "192.88.99.1", "2001:db8:bad::1"
SYN_FIN, TAGS = Tcp(flags=SYN | FIN), Ethernet(tags=[(VLAN, 7), (VLAN, 8)])


def ip_of(source: str, host: str) -> IPv4 | IPv6:
    """A header of the right version."""
    return IPv6(source, host) if ":" in source else IPv4(source, host)


def denied(description: str, source: str, host: str, tcp: Tcp = TO_80, **others: object) -> Row:
    """A segment from a source that may not send any."""
    return Row(f"lists: {description}", frame(ip_of(source, host), tcp), Reason.denied, **others)  # type: ignore[arg-type]


def let_in(description: str, source: str, host: str = WEB) -> Row:
    """A SYN that is answered."""
    given, link = ip_of(source, host), Ethernet()
    return Row(f"lists: {description}", frame(given, TO_80, link), Reason.answered, BARE.frame(given, TO_80, link))


def of_known(description: str, flags: int, source: str, host: str) -> Row:
    """A segment of a connection that the host has: it is known, and denied at once all the same."""
    said = frame(ip_of(host, source), Tcp(80, 40000, 7, 9, ACK))
    return denied(description, source, host, Tcp(40000, 80, 9, 7, flags), heard=(said,))


ROWS = [
    denied("for all hosts", DENIED4, ANY_PORT, number=2),
    denied("for all hosts, IPv6", DENIED6, ANY_PORT6, number=2),
    denied("for all, a host that has its own, which says nothing of it", DENIED4, WEB, number=1),
    denied("for all, a host that has its own, IPv6", DENIED6, WEB6, number=1),
    let_in("allowed inside of what is denied", "192.88.99.129"),
    let_in("allowed inside of what is denied, IPv6", "2001:db8:bad:1::1", WEB6),
    let_in("next to what is denied, below", "192.88.98.255"),
    let_in("next to what is denied, above", "192.88.100.0"),
    let_in("next to what is denied, IPv6", "2001:db8:bae::", WEB6),
    let_in("one address that the host allows, and the list for all denies", "192.88.99.9"),
    denied("the same address for another host", "192.88.99.9", ANY_PORT, number=2),
    let_in("what the host allows, inside of what all deny, IPv6", "2001:db8:bad:2::1", WEB6),
    denied("what the host denies, and the list for all allows", "192.88.99.193", WEB),
    let_in("the same source for another host", "192.88.99.193", ANY_PORT),
    denied("what the host denies, IPv6, inside of what all allow", "2001:db8:bad:1:1::1", WEB6),
    let_in("what the host allows, inside of what it denies", "192.88.99.200"),
    denied("the longest of all prefixes: an address", "192.88.99.201", WEB),
    denied("what the host alone denies", "203.0.112.7", WEB),
    let_in("the same for another host", "203.0.112.7", ANY_PORT),
    denied("a port that is not protected", DENIED4, WEB, Tcp(destination_port=22)),
    denied("SYN and FIN: who is denied has no other fault", DENIED4, WEB, SYN_FIN),
    denied("RST of no known connection", DENIED4, WEB, Tcp(flags=RST)),
    of_known("an ACK of a known connection", ACK, DENIED4, WEB),
    of_known("RST of a known connection", RST, DENIED4, WEB),
    of_known("an ACK of a known connection, IPv6", ACK, DENIED6, WEB6),
    denied("a host whose frames are sent on", DENIED4, SWITCHED, number=5),
    Row("lists: two tags", frame(IPv4(DENIED4), TO_80, TAGS), Reason.denied),
    Row("lists: two tags, IPv6", frame(IPv6(DENIED6), TO_80, TAGS), Reason.denied),
    Row("lists: UDP", carried(IPv4(DENIED4, protocol=17), bytes(8)), Reason.denied),
    Row("lists: a fragment", frame(IPv4(DENIED4, fragment=MORE_FRAGMENTS), TO_80), Reason.denied),
    Row("lists: cut short", frame(IPv4(DENIED4), TO_80)[:40], Reason.denied),
    Row("lists: ping", error4(8, ip=IPv4(DENIED4)), Reason.denied),
    Row("lists: an ICMP error", error4(3, SENT4[:28], IPv4(DENIED4)), Reason.denied),
    Row("lists: an ICMPv6 error", error6(2, SENT6, IPv6(DENIED6)), Reason.denied),
    Row("lists: neighbour discovery", error6(135, ip=replace(NEAR, source=DENIED6)), Reason.neighbour),
    Row("lists: neighbour discovery that a router has sent on", error6(135, ip=IPv6(DENIED6)), Reason.denied),
    Row("lists: a ping from near", error6(128, ip=replace(NEAR, source=DENIED6)), Reason.denied),
    Row(
        "lists: half a message of neighbour discovery",
        carried(replace(NEAR, source=DENIED6, next_header=ICMP6), message(135)[:7]),
        Reason.denied,
    ),
    Row("lists: the source of an address that nobody protects", frame(IPv4(DENIED4, "192.0.2.11")), Reason.not_ours),
    Row("lists: no lists are about it", frame(IPv4("192.0.2.200", EDGES)), Reason.other_port),
    Row("lists: to who is denied", frame(IPv4(WEB, DENIED4), Tcp(22)), Reason.outbound_other, side="leaving"),
]
