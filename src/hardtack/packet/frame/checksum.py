"""The Internet checksum: RFC 1071. Words are added as they lie in memory: the sum does not depend on byte order."""

from __future__ import annotations

from hardtack.compiler.language import beyond, inlined, load8, load32, scratch, store64, u64
from hardtack.packet.frame.parse import ip_header
from hardtack.packet.frame.platform import copy, tail
from hardtack.packet.frame.wire import IPV4

MOST_IPV4_OPTIONS = 40  # bytes


@inlined
def fold(total):
    """A sum of up to 64 32-bit words, so less than 2^38, as 16 bits with the carries added in."""
    total = (total & 0xFFFF) + (total >> 16)  # less than 2^23
    total = (total & 0xFFFF) + (total >> 16)
    return (total & 0xFFFF) + (total >> 16)


@inlined
def halves(word):
    """The two 32-bit halves of a 64-bit word, added: its term in a sum."""
    return (word & u64(0xFFFFFFFF)) + (word >> u64(32))


@inlined
def header_holds(frame, flow):
    """Whether the IPv4 header checksum is right; IPv6 has none."""
    if flow.version == 6:
        return True
    network = ip_header(frame, flow)
    if beyond(network, IPV4, tail(frame)):
        return False
    total = load32(network, 0) + load32(network, 4) + load32(network, 8) + load32(network, 12) + load32(network, 16)
    size = (load8(network, 0) & 15) * 4 - IPV4
    if size > 0:
        options = scratch(40)
        for word in range(0, MOST_IPV4_OPTIONS, 8):
            store64(options, word, u64(0))
        if size > MOST_IPV4_OPTIONS or copy(frame, flow.network + IPV4, options, size) != 0:
            return False
        for word in range(0, MOST_IPV4_OPTIONS, 4):
            total += load32(options, word)
    return fold(total) == 0xFFFF
