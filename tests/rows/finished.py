"""Frames of containers by a veth, with no more than the beginning of a checksum: they are sent on with a whole one."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import replace

from naive.checksum import checksum, ones_sum
from naive.forward import Action
from naive.frames import ACK, HOP_BY_HOP, Ethernet, Extension, IPv4, IPv6, Tcp, frame, options_header, packed, padded
from naive.state import mapped
from naive.world import BACK, BACK6, EXITS, HOPS, ROUTED, WEB

from hardtack.packet.reasons import Reason
from rows.row import Row, acknowledgment

TO_80 = Tcp(destination_port=80)
TCP, UDP = 6, 17
B4, B6, R4 = IPv4(destination=BACK), IPv6(destination=BACK6), IPv4(destination=ROUTED)
VETH = {"unfinished": True, "exits": {number: replace(way, mtu=9000) for number, way in EXITS.items()}}
SIZES = (0, 1, 2, 3, 4, 5, 463, 491, 492, 493, 1003, 1004, 1005, 1448, 3000)  # 492 and 1,004 fill sheets of 512 bytes


def begun(ip: IPv4 | IPv6, size: int, protocol: int = TCP) -> int:
    """The sum of a pseudo-header, which is what Linux leaves there: tcp_v4_send_check, udp4_hwcsum."""
    return ones_sum(packed(ip.source) + packed(ip.destination) + struct.pack("!HH", size, protocol))


def leaving(ip: IPv4 | IPv6) -> tuple[IPv4 | IPv6, Ethernet]:
    """The headers of a frame that is sent on."""
    hop = HOPS[mapped(packed(ip.destination))]
    return (replace(ip, ttl=ip.ttl - 1) if ip == R4 else ip), Ethernet(EXITS[hop.exit].mac, hop.mac)


def sent(description: str, ip: IPv4 | IPv6, data: bytes, veth: bool = True, pad: int = 0) -> Row:
    """A client's first ACK with data, whose checksum has but begun."""
    whole = replace(acknowledgment(ip, TO_80), payload=data)
    half = replace(whole, checksum=begun(ip, 20 + len(data)))
    after, link = leaving(ip)
    out = padded(frame(after, whole if veth else half, link), pad)
    action = Action.back if ip in (B4, B6) else Action.exit
    given = padded(frame(ip, half), pad)
    policy = VETH if veth else {}
    return Row(f"begun: {description}", given, Reason.remembered, out, action=action, policy=policy)


def as_it_is(description: str, ip: IPv4 | IPv6, value: int, cut: int = 0) -> Row:
    """A client's first ACK with 99 bytes, that is sent on with the checksum that it has."""
    segment = replace(acknowledgment(ip, TO_80), payload=DATA[:99], checksum=value)
    given, out = frame(ip, segment), frame(ip, segment, leaving(ip)[1])
    end = len(given) - cut
    return Row(f"begun: {description}", given[:end], Reason.remembered, out[:end], action=Action.back, policy=VETH)


def datagram(description: str, ip: IPv4 | IPv6, data: bytes, half: bool = True, expected: int | None = None) -> Row:
    """UDP, where the front is a switch; `half`: its checksum has but begun. `expected`: the one that it leaves with."""
    ip = replace(ip, protocol=UDP) if isinstance(ip, IPv4) else replace(ip, next_header=UDP)
    size = 8 + len(data)
    start = struct.pack("!HHH", 53, 40000, size)
    value = begun(ip, size, UDP)
    whole = checksum(struct.pack("!HH", value, 0) + start + data) or 0xFFFF
    assert expected in (None, whole)
    given, after = (start + struct.pack("!H", number) + data for number in (value if half else whole, whole))
    _, link = leaving(ip)
    return Row(
        f"begun: {description}",
        Ethernet().encode(ip.ethertype, ip.encode(given)),
        Reason.default_pass,
        link.encode(ip.ethertype, ip.encode(after)),
        action=Action.back,
        policy=VETH,
    )


def that_sums_to(total: int, start: Sequence[bytes]) -> bytes:
    """Two bytes that make a sum of what it is to be."""
    return ((total - ones_sum(b"".join(start))) % 0xFFFF).to_bytes(2, "big")


PROBE = replace(acknowledgment(B4, TO_80), payload=b"\0\0", checksum=0)
# A whole checksum that looks like the beginning of one: data with which the two are the same
ALIKE = that_sums_to(
    (begun(B4, 22) ^ 0xFFFF) - begun(B4, 22) + 0xFFFF, [PROBE.encode(B4.source, B4.destination)]
)
NOTHING = that_sums_to(0xFFFF, [struct.pack("!HHHH", begun(replace(B4, protocol=UDP), 10, UDP), 53, 40000, 10)])
CHAINED = replace(B6, extensions=[Extension(HOP_BY_HOP, options_header())])
DATA = bytes(range(256)) * 12

ROWS = [
    *(sent(f"{size} bytes", B4, DATA[:size]) for size in SIZES),
    *(sent(f"{size} bytes over IPv6", B6, DATA[:size]) for size in SIZES),
    sent("routed", R4, DATA[:100]),
    sent("padding is no part of it", B4, b"", pad=60),
    sent("nobody leaves them to do where it is no veth", B4, DATA[:100], veth=False),
    sent("a whole one that looks like it stays as it is", B4, ALIKE),
    as_it_is("another one, right or wrong", B4, begun(B4, 119) ^ 1),
    as_it_is("what is not all there", B4, begun(B4, 119), cut=1),
    as_it_is("behind extension headers", CHAINED, begun(B6, 119)),
    Row(
        "begun: by way of the kernel, which finishes it",
        frame(IPv4(destination=WEB), Tcp(destination_port=80, flags=ACK, checksum=begun(IPv4(destination=WEB), 20))),
        Reason.stray_ack,
        policy=VETH,
    ),
    *(datagram(f"UDP, {size} bytes", B4, DATA[:size]) for size in (0, 1, 500, 1472)),
    *(datagram(f"UDP, {size} bytes over IPv6", B6, DATA[:size]) for size in (0, 1, 500, 1472)),
    datagram("UDP that is whole", B4, b"hello", half=False),
    datagram("UDP whose checksum is 0, which is written otherwise", B4, NOTHING, expected=0xFFFF),
]

