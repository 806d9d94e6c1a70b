"""Segments of known connections, which are drawn at random among all of them. For the bench."""

from __future__ import annotations

from hardtack.compiler.language import (
    address,
    at,
    beyond,
    entry_of,
    i64,
    inlined,
    load16,
    load32,
    store16,
    store32,
    store64,
    u64,
)
from hardtack.lab.packets.crowd import BASE_4, BASE_6, CROWD, EPHEMERAL, TEMPLATE, Crowd
from hardtack.lab.packets.flood import SOURCE_4, SOURCE_6, TCP_4, TCP_6, copy_words, draw
from hardtack.packet.frame.checksum import fold, halves
from hardtack.packet.frame.platform import head, tail
from hardtack.packet.frame.wire import ETHERNET

DROP, TX = 1, 3  # enum xdp_action

crowd_entry = entry_of(CROWD, Crowd)


def segments(frame):
    """Write one segment of a random connection, or of the same as before, and send it."""
    crowd, start, end = crowd_entry(), head(frame), tail(frame)
    if not crowd.left:
        crowd.number = ((draw(crowd) >> u64(32)) * crowd.count) >> u64(32)
        crowd.left = crowd.train
    crowd.left -= u64(1)
    number = i64(crowd.number)
    written = write_ipv4(crowd, number, start, end) if crowd.version == u64(4) else write_ipv6(crowd, number, start, end)
    if not written:
        return DROP
    crowd.sent += u64(1)
    return TX


@inlined
def write_ipv4(crowd, number, start, end):
    """60 bytes: the template, then source, port and checksums. False if the frame is too short."""
    if beyond(start, 60, end):
        return False
    template = at(address(crowd), TEMPLATE)
    copy_words(start, template, 56)
    store32(start, 56, load32(template, 56))
    source = BASE_4 | (number & 0xFFFF) << 16
    store32(start, SOURCE_4, source)
    store16(start, ETHERNET + 10, ~fold(i64(crowd.network_sum) + source))
    finish_tcp(crowd, at(start, TCP_4), number, source)
    return True


@inlined
def write_ipv6(crowd, number, start, end):
    """74 bytes, as `write_ipv4`."""
    if beyond(start, 74, end):
        return False
    template = at(address(crowd), TEMPLATE)
    copy_words(start, template, 72)
    store16(start, 72, load16(template, 72))
    store64(start, SOURCE_6, u64(BASE_6))
    store64(start, SOURCE_6 + 8, u64(number))
    finish_tcp(crowd, at(start, TCP_6), number, i64(halves(u64(BASE_6))) + number)
    return True


@inlined
def finish_tcp(crowd, tcp, number, source_sum):
    """Source port, and the checksum over all."""
    port = EPHEMERAL | (number >> 16) << 8
    store16(tcp, 0, port)
    store16(tcp, 16, ~fold(i64(crowd.transport_sum) + source_sum + port))
