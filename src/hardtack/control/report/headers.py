"""What lies where in a frame that a tap has brought: enough of IP, TCP and UDP to tell floods apart. Never an exception."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

ETHERNET, IPV4, IPV6, TCP_HEADER = 14, 20, 40, 20  # bytes
TAGS = (0x8100, 0x88A8, 0x9100)  # ethertypes of VLAN tags
MOST_TAGS = 2  # as the packet program knows
TCP, UDP, ICMP, FRAGMENT, ICMPV6 = 6, 17, 1, 44, 58
FIN, SYN, RST, PSH, ACK, URG = (1 << bit for bit in range(6))
MOST_OPTIONS = 10  # of TCP, that are looked at: 40 bytes hold no more sensible ones


@dataclass(frozen=True)
class Headers:
    """Where the headers of a frame are. `ip`, `transport`: bytes from there on; `transport` is empty in later fragments and
    behind IPv6 extension headers. `protocol`: of the payload, or IPv6's next header.
    """

    version: int
    protocol: int
    ip: bytes
    transport: bytes

    @property
    def source(self) -> bytes:
        """The address, 4 or 16 bytes."""
        return self.ip[12:16] if self.version == 4 else self.ip[8:24]

    @property
    def fragment(self) -> int:
        """IPv4's flags and fragment offset; of IPv6, 1 if there is a fragment header."""
        return number(self.ip, 6, 2) & 0x3FFF if self.version == 4 else int(self.protocol == FRAGMENT)

    @property
    def tcp(self) -> bytes:
        """The TCP header and what follows it; empty if there is none that is whole."""
        return self.transport if self.protocol == TCP and len(self.transport) >= TCP_HEADER else b""

    @property
    def flags(self) -> int:
        """Of TCP; -1 if it is none."""
        return self.tcp[13] if self.tcp else -1

    @property
    def payload(self) -> bytes:
        """What is behind the TCP or UDP header, as far as it was captured."""
        if self.tcp:
            return self.tcp[(self.tcp[12] >> 4) * 4 :]
        return self.transport[8:] if self.protocol == UDP else b""


def untagged(frame: bytes, begin: int = ETHERNET) -> bytes:
    """The frame with an Ethernet header and without VLAN tags, as expressions without `vlan` see it.

    `begin`: where its IP header is, if it has no Ethernet header (Sample.begin).
    """
    if begin != ETHERNET:
        kind = b"\x86\xdd" if frame[begin : begin + 1] >= b"\x60" else b"\x08\x00"
        return bytes(12) + kind + frame[begin:]
    for _ in range(MOST_TAGS):
        if number(frame, 12, 2) in TAGS:
            frame = frame[:12] + frame[16:]
    return frame


def headers(frame: bytes) -> Headers | None:
    """Of an untagged frame; None if it is neither IPv4 nor IPv6, or cut short."""
    kind, ip = number(frame, 12, 2), frame[ETHERNET:]
    if kind == 0x0800 and len(ip) >= IPV4:
        later = number(ip, 6, 2) & 0x1FFF
        return Headers(4, ip[9], ip, b"" if later else ip[(ip[0] & 15) * 4 : max(number(ip, 2, 2), IPV4)])
    if kind == 0x86DD and len(ip) >= IPV6:
        return Headers(6, ip[6], ip, ip[IPV6 : IPV6 + number(ip, 4, 2)] if ip[6] in (TCP, UDP, ICMPV6) else b"")
    return None


def options(tcp: bytes) -> Iterator[tuple[int, int, int]]:
    """Of a TCP header, each option's kind, offset and length; no more behind one that cannot be."""
    at, end = TCP_HEADER, min((tcp[12] >> 4) * 4, len(tcp))
    for _ in range(MOST_OPTIONS):
        if at >= end:
            return
        kind = tcp[at]
        length = 1 if kind < 2 else tcp[at + 1] if at + 1 < end else 0
        if length < (1 if kind < 2 else 2) or at + length > end:
            return
        yield kind, at, length
        if kind == 0:
            return
        at += length


def kind_of(found: Headers | None) -> str:
    """What sort of frame it is, as floods are called."""
    if found is None:
        return "not IP"
    if found.fragment:
        return "fragment"
    if found.protocol != TCP:
        return {UDP: "UDP", ICMP: "ICMP", ICMPV6: "ICMPv6"}.get(found.protocol, f"protocol {found.protocol}")
    return named(found.flags)


def named(flags: int) -> str:
    """TCP flags; -1: the header is cut short."""
    if flags < 0:
        return "TCP, truncated"
    names = [name for bit, name in enumerate(("FIN", "SYN", "RST", "PSH", "ACK", "URG")) if flags >> bit & 1]
    return "-".join(sorted(names, key=("SYN", "FIN", "RST", "PSH", "URG", "ACK").index)) or "no flags"


def number(data: bytes, at: int, size: int) -> int:
    """A big-endian number there; as if zeros followed what was captured."""
    return int.from_bytes(data[at : at + size].ljust(size, b"\0"), "big")
