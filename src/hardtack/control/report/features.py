"""What of a frame may tell a flood from ordinary traffic, each as a pcap expression that finds it again.

libpcap's `tcp[...]` and `udp[...]` are IPv4 alone; of IPv6 the same bytes are `ip6[40 + ...]`, with the next header checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from hardtack.control.report.headers import ICMP, ICMPV6, IPV6, TCP, UDP, Headers, named, number, options

NAMES = {2: "MSS", 3: "WS", 4: "SACK", 5: "SACKs", 8: "TS", 1: "NOP", 0: "EOL", 19: "MD5", 28: "UTO", 30: "MPTCP", 34: "TFO"}
PREFIXES = {4: (24, 16, 8), 6: (64, 48, 32)}
WIDEST_TERM = 4  # bytes that a pcap expression compares at once
LAST_SYSTEM_PORT = 1023  # RFC 6335: no client's ephemeral ports are among them
# In this order of preference among features that are equally good: first what an attacker's tool has chosen
FIELDS = (
    *("payload", "TTL", "hop limit", "TCP options", "window", "MSS", "window scale", "length", "source port"),
    *("system source port", "source /24", "source /64", "source /16", "source /48", "source /8", "source /32"),
    *("sequence number", "acknowledgment number", "timestamp", "IP identification", "urgent pointer", "TOS"),
    *("traffic class and flow label",),
    *("header length", "ICMP type", "TCP flags", "fragment", "DF", "destination port", "protocol", "IP version"),
)
PLACES = {field: place for place, field in enumerate(FIELDS)}
# What ordinary traffic shares: worth nothing alone, unless enough ordinary traffic of the same kind was seen to know better
COARSE = frozenset(
    {"TCP flags", "fragment", "DF", "destination port", "protocol", "IP version", "header length", "ICMP type"}
    | {"TOS", "urgent pointer"}
)


class Feature(NamedTuple):
    """One that a frame has. `terms`: of a pcap expression, all of which it takes."""

    field: str
    value: str
    terms: tuple[str, ...]


def features(found: Headers | None) -> Iterator[Feature]:
    """All that a frame has."""
    if found is None:
        return
    yield from (of_ipv4 if found.version == 4 else of_ipv6)(found)
    yield from sources(found)
    if found.tcp:
        yield from of_tcp(found)
    elif len(found.transport) >= 8 and found.protocol == UDP:
        yield from of_ports(found, "udp")
        yield from first_bytes(found, 8)
    elif found.transport and found.protocol in (ICMP, ICMPV6):
        kind = found.transport[0]
        yield Feature("ICMP type", str(kind), compared(found, 0, 1, kind))


def of_ipv4(found: Headers) -> Iterator[Feature]:
    """Of its header."""
    ip, place = found.ip, number(found.ip, 6, 2)
    yield Feature("IP version", "IPv4", ("ip",))
    yield Feature("TTL", str(ip[8]), (f"ip[8] = {ip[8]}",))
    length, identification = number(ip, 2, 2), number(ip, 4, 2)
    yield Feature("length", f"{length} bytes of IP", (f"ip[2:2] = {length}",))
    yield Feature("IP identification", str(identification), (f"ip[4:2] = {identification}",))
    yield Feature("TOS", str(ip[1]), (f"ip[1] = {ip[1]}",))
    yield Feature("DF", "set" if place & 0x4000 else "not set", (f"ip[6] & 0x40 {'!=' if place & 0x4000 else '='} 0",))
    yield Feature("protocol", str(found.protocol), (f"ip[9] = {found.protocol}",))
    if place & 0x1FFF:
        yield Feature("fragment", "later one", ("ip[6:2] & 0x1fff != 0",))
    elif place & 0x2000:
        yield Feature("fragment", "first one", ("ip[6:2] & 0x3fff = 0x2000",))


def of_ipv6(found: Headers) -> Iterator[Feature]:
    """Of its header."""
    ip, label, length = found.ip, number(found.ip, 0, 4), number(found.ip, 4, 2)
    yield Feature("IP version", "IPv6", ("ip6",))
    yield Feature("hop limit", str(ip[7]), (f"ip6[7] = {ip[7]}",))
    yield Feature("length", f"{length} bytes behind IPv6", (f"ip6[4:2] = {length}",))
    yield Feature("traffic class and flow label", f"0x{label & 0xFFFFFFF:x}", (f"ip6[0:4] = 0x{label:08x}",))
    yield Feature("fragment" if found.fragment else "protocol", str(ip[6]), (f"ip6[6] = {ip[6]}",))


def sources(found: Headers) -> Iterator[Feature]:
    """Prefixes that it comes from."""
    address = ip_address(found.source)
    for bits in PREFIXES[found.version]:
        network = ip_network((address, bits), strict=False)
        yield Feature(f"source /{bits}", str(network), (f"src net {network}",))


def of_ports(found: Headers, protocol: str) -> Iterator[Feature]:
    """Of TCP or UDP."""
    source, destination = (number(found.transport, at, 2) for at in (0, 2))
    yield Feature("source port", str(source), (f"{protocol} src port {source}",))
    yield Feature("destination port", str(destination), (f"{protocol} dst port {destination}",))
    if source <= LAST_SYSTEM_PORT:
        value = f"up to {LAST_SYSTEM_PORT}"
        yield Feature("system source port", value, (f"{protocol} src portrange 0-{LAST_SYSTEM_PORT}",))


def of_tcp(found: Headers) -> Iterator[Feature]:
    """Of its header and options, and how its payload begins."""
    tcp = found.tcp
    yield from of_ports(found, "tcp")
    size = (tcp[12] >> 4) * 4
    for field, at, bytes_of, value in (
        ("sequence number", 4, 4, f"{number(tcp, 4, 4)}"),
        ("acknowledgment number", 8, 4, f"{number(tcp, 8, 4)}"),
        ("header length", 12, 1, f"{size} bytes of TCP"),
        ("TCP flags", 13, 1, named(tcp[13])),
        ("window", 14, 2, f"{number(tcp, 14, 2)}"),
        ("urgent pointer", 18, 2, f"{number(tcp, 18, 2)}"),
    ):
        yield Feature(field, value, compared(found, at, bytes_of, number(tcp, at, bytes_of)))
    if 20 < size <= len(tcp):
        yield from of_options(found)
    if size >= 20:
        yield from first_bytes(found, size, ("header length", compared(found, 12, 1, tcp[12])))


def of_options(found: Headers) -> Iterator[Feature]:
    """Their order, and what they say."""
    tcp, layout = found.tcp, list[tuple[int, int, int]](options(found.tcp))
    for kind, at, length in layout:
        if (kind, length) == (2, 4):
            yield Feature("MSS", str(number(tcp, at + 2, 2)), compared(found, at, 4, number(tcp, at, 4)))
        elif (kind, length) == (3, 3):
            scale = *compared(found, at, 2, number(tcp, at, 2)), *compared(found, at + 2, 1, tcp[at + 2])
            yield Feature("window scale", str(tcp[at + 2]), tuple(dict.fromkeys(scale)))
        elif (kind, length) == (8, 10):
            yield Feature("timestamp", str(number(tcp, at + 2, 4)), compared(found, at + 2, 4, number(tcp, at + 2, 4)))
    if layout:
        told = ", ".join(NAMES.get(kind, str(kind)) for kind, _, _ in layout)
        terms = [*compared(found, 12, 1, tcp[12])]
        for at, size in heads(layout):
            terms += compared(found, at, size, number(tcp, at, size))
        yield Feature("TCP options", told, tuple(dict.fromkeys(terms)))


def heads(layout: list[tuple[int, int, int]]) -> Iterator[tuple[int, int]]:
    """Which bytes say in what order options are, a few at a time: offset and size."""
    kinds = [(at, 1 if kind < 2 else 2) for kind, at, _ in layout]  # kind, and length where there is one
    while kinds:
        at, size = kinds.pop(0)
        while kinds and kinds[0][0] == at + size and size + kinds[0][1] in (2, 4):
            size += kinds.pop(0)[1]
        yield at, size


def first_bytes(found: Headers, at: int, before: tuple[str, tuple[str, ...]] = ("", ())) -> Iterator[Feature]:
    """How the payload begins, where it is behind a header of this length. `before`: what shows that it is there."""
    some = found.payload[:WIDEST_TERM]
    if len(some) == WIDEST_TERM:
        value = int.from_bytes(some, "big")
        yield Feature("payload", f"begins with 0x{value:08x}", (*before[1], *compared(found, at, WIDEST_TERM, value)))


def compared(found: Headers, at: int, size: int, value: int) -> tuple[str, ...]:
    """That so many bytes of the transport header are this number."""
    told = f"0x{value:0{2 * size}x}" if size == 4 or at == 13 or at == 12 else str(value)
    if found.version == 6:
        return f"ip6[6] = {found.protocol}", f"ip6[{IPV6 + at}{sized(size)}] = {told}"
    name = {TCP: "tcp", UDP: "udp"}.get(found.protocol, "icmp")
    return (f"{name}[{at}{sized(size)}] = {told}",)


def sized(size: int) -> str:
    """As pcap writes it."""
    return "" if size == 1 else f":{size}"
