"""Most frames at a glance: TCP in an IPv4 packet without options, whole, and with nothing between it and Ethernet.

What parse.py finds out about such a frame step by step, two words of it say at once. Any other frame is left to parse.py.
For native code alone: the verifier would have one more way to walk.
"""

from __future__ import annotations

from hardtack.compiler.language import at, beyond, distance, inlined, load8, load16be, load32, load64, u64
from hardtack.packet.frame.parse import MAPPED, NONE, take_header
from hardtack.packet.frame.platform import head, tail
from hardtack.packet.frame.wire import ETHERNET, FRAGMENT_BITS, IPV4, TCP, TCP_PROTOCOL, TYPE_IPV4

SEGMENT = ETHERNET + IPV4  # where TCP begins
# Words as they lie in memory, at Ethernet's type and 8 bytes on: type, version and length; fragment, protocol
FIRST, SECOND = ETHERNET - 2, ETHERNET + 6
FIRST_BITS, SECOND_BITS = (
    int.from_bytes(one, "little") for one in (b"\xff\xff\xff", FRAGMENT_BITS.to_bytes(2, "big") + b"\0\xff")
)
FIRST_IS = int.from_bytes(TYPE_IPV4.to_bytes(2, "big") + b"\x45", "little")
SECOND_IS = TCP_PROTOCOL << 24


@inlined
def parse_plain(frame, flow):
    """As `parse`, of a plain frame; False, and nothing is written, if it is none."""
    start, end = head(frame), tail(frame)
    if beyond(start, SEGMENT + TCP, end):
        return False
    differs = (load64(start, FIRST) ^ u64(FIRST_IS)) & u64(FIRST_BITS)
    differs |= (load64(start, SECOND) ^ u64(SECOND_IS)) & u64(SECOND_BITS)
    size, total = distance(start, end), load16be(start, ETHERNET + 2)
    if differs != u64(0) or ETHERNET + total > size or not TCP <= header_size(start) <= total - IPV4:
        return False
    flow.size, flow.version, flow.network = size, 4, ETHERNET
    flow.source_high, flow.destination_high = u64(0), u64(0)
    flow.source_low = u64(MAPPED) | (u64(load32(start, ETHERNET + 12)) << u64(32))
    flow.destination_low = u64(MAPPED) | (u64(load32(start, ETHERNET + 16)) << u64(32))
    flow.kind, flow.protocol = NONE, TCP_PROTOCOL
    flow.transport, flow.payload = SEGMENT, total - IPV4
    return True


@inlined
def header_size(start):
    """Bytes of the TCP header, options included, as it says itself."""
    return (load8(start, SEGMENT + 12) >> 4) * 4


@inlined
def parse_plain_tcp(frame, flow):
    """As `parse_tcp`, of a plain frame."""
    start = head(frame)
    take_header(at(start, SEGMENT), header_size(start), flow)
