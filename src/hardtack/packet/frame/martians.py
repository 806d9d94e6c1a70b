"""Addresses that no frame can have come from. RFC 1122 3.2.1.3, RFC 9293 MUST-57 and MUST-63, RFC 4291 2.5 and 2.7."""

from __future__ import annotations

from hardtack.compiler.language import i64, inlined, u64
from hardtack.packet.frame.parse import MAPPED

LOW_32 = 0xFFFFFFFF
LOOPBACK_6 = 1 << 56  # the second word of ::1, as it lies in memory
THIS_NETWORK, LOOPBACK_4, FIRST_CLASS_D = 0, 127, 224  # first bytes: 0/8, 127/8, 224/4 and 240/4
LINK_BITS, LINK_LOCAL = 0xC0FF, 0x80FE  # fe80::/10, likewise
MULTICAST = 0xFF  # ff00::/8


@inlined
def is_martian(flow):
    """Whether the source is nobody: whoever answers hits an innocent, all, or himself. Link-local ones do not travel."""
    if flow.source_high == flow.destination_high and flow.source_low == flow.destination_low:
        return True
    if flow.version == 4:
        first = i64(flow.source_low >> u64(32)) & 0xFF
        return first == THIS_NETWORK or first == LOOPBACK_4 or first >= FIRST_CLASS_D
    if flow.source_high == u64(0):
        low = flow.source_low
        return low == u64(0) or low == u64(LOOPBACK_6) or is_mapped(flow.source_high, low)
    start = i64(flow.source_high & u64(0xFFFF))
    return start & LINK_BITS == LINK_LOCAL or start & 0xFF == MULTICAST


@inlined
def is_mapped(high, low):
    """Whether it is ::ffff:a.b.c.d, which is how we write IPv4 addresses, and which is on no wire. RFC 4291 2.5.5.2"""
    return (high | ((low & u64(LOW_32)) ^ u64(MAPPED))) == u64(0)  # in one, so that the verifier has two cases and not three
