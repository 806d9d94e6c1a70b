"""The filler's other half: turns each SYN-ACK that comes back for it into the ACK of its handshake. Part of the sink."""

from __future__ import annotations

from hardtack.compiler.language import (
    at,
    beyond,
    inlined,
    load8,
    load16,
    load16be,
    load32,
    load32be,
    store8,
    store16,
    store32,
    store32be,
)
from hardtack.lab.packets.recipe import EPHEMERAL
from hardtack.packet.frame.checksum import fold
from hardtack.packet.frame.wire import ACK, ETHERNET, IPV4, IPV6, SYN, TCP_PROTOCOL

HEADER = 24  # bytes of TCP in an answer to a SYN without options: its own one option is the MSS
NOPS = 0x01010101
LENGTH_4, LENGTH_6 = 20 + HEADER, HEADER


@inlined
def acknowledge_4(start, end):
    """Whether it was one, and now is the ACK, ready to be sent back."""
    if beyond(start, ETHERNET + IPV4 + HEADER, end):
        return False
    ip = at(start, ETHERNET)
    if load8(ip, 0) != 0x45 or load8(ip, 9) != TCP_PROTOCOL or load16be(ip, 2) != LENGTH_4:
        return False
    if not is_for_filler(at(ip, IPV4)):
        return False
    source, destination = load32(ip, 12), load32(ip, 16)
    store32(ip, 12, destination)
    store32(ip, 16, source)
    turn_segment(at(ip, IPV4), sum_of(ip, 12, 8))
    turn_frame(start)
    return True


@inlined
def acknowledge_6(start, end):
    """The same for IPv6."""
    if beyond(start, ETHERNET + IPV6 + HEADER, end):
        return False
    ip = at(start, ETHERNET)
    if load8(ip, 6) != TCP_PROTOCOL or load16be(ip, 4) != LENGTH_6 or not is_for_filler(at(ip, IPV6)):
        return False
    for place in range(8, 24, 4):
        source, destination = load32(ip, place), load32(ip, place + 16)
        store32(ip, place, destination)
        store32(ip, place + 16, source)
    turn_segment(at(ip, IPV6), sum_of(ip, 8, 32))
    turn_frame(start)
    return True


@inlined
def is_for_filler(tcp):
    """A SYN-ACK to one of its ports: no other flood has ports below EPHEMERAL."""
    return load8(tcp, 13) == SYN | ACK and load8(tcp, 12) == HEADER << 2 and load16be(tcp, 2) < EPHEMERAL


@inlined
def turn_segment(tcp, addresses):
    """The SYN-ACK becomes the ACK that ends the handshake; its option gives way to NOPs. `addresses`: their sum."""
    ports, sequence, acknowledged = load32(tcp, 0), load32be(tcp, 4), load32(tcp, 8)
    store32(tcp, 0, (ports >> 16) | ((ports & 0xFFFF) << 16))
    store32(tcp, 4, acknowledged)
    store32be(tcp, 8, (sequence + 1) & 0xFFFFFFFF)
    store8(tcp, 13, ACK)
    store32(tcp, 16, 0)
    store32(tcp, 20, NOPS)
    # protocol and length, as words in memory
    store16(tcp, 16, ~fold(addresses + (TCP_PROTOCOL << 8) + (HEADER << 8) + sum_of(tcp, 0, HEADER)))


@inlined
def sum_of(place, start, size):
    """Of 16-bit words."""
    total = 0
    for offset in range(start, start + size, 2):
        total += load16(place, offset)
    return total


@inlined
def turn_frame(start):
    """The MAC addresses change places."""
    first, second, third = load32(start, 0), load32(start, 4), load32(start, 8)
    store32(start, 0, (second >> 16) | ((third & 0xFFFF) << 16))
    store32(start, 4, (third >> 16) | ((first & 0xFFFF) << 16))
    store32(start, 8, (first >> 16) | ((second & 0xFFFF) << 16))
