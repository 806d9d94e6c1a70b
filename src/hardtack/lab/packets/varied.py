"""The front, but each run is for another frame: from the next source and port, or of another connection. For the bench.

Run again and again on one SYN, a front would meet a connection that it knows already.
"""

from __future__ import annotations

from hardtack.compiler.language import (
    beyond,
    entry_of,
    i64,
    inlined,
    load16be,
    load32be,
    new,
    store8,
    store16,
    store16be,
    store32,
    store32be,
    u64,
)
from hardtack.lab.packets.found import VARIED, Varied
from hardtack.lab.packets.stages import SHORTEST, original_entry, restore
from hardtack.packet.frame.platform import head, resize, tail, whole_length
from hardtack.packet.frame.wire import ETHERNET, IPV4, IPV6, TYPE_IPV4
from hardtack.packet.front import goes_on, judged, verdict_of
from hardtack.packet.out.forward import forward
from hardtack.packet.records import Flow

PASS = 2  # XDP_PASS
LOW_16, LOW_32 = 0xFFFF, 0xFFFFFFFF
FACTOR = 0x9E3779B1  # 2^32 by the golden ratio: numbers in a row are far apart

new_flow = new(Flow)
varied_entry = entry_of(VARIED, Varied)


def varied(frame):
    """struct xdp_md -> the front's verdict, REDIRECT if it is sent on straight."""
    if not regrow(frame):
        return PASS
    restore(frame)
    if not vary(frame):
        return PASS
    flow = new_flow()
    reason = judged(frame, flow)
    if goes_on(reason, flow):
        return forward(frame, flow)
    return verdict_of(reason)


@inlined
def regrow(frame):
    """Give it its size back: a challenge is shorter than the SYN. What that costs is counted as the challenge's."""
    missing = i64(original_entry().size) - whole_length(frame)
    return missing == 0 or resize(frame, missing) == 0


@inlined
def vary(frame):
    """Have it be another one; False if it is too short."""
    order, start = varied_entry(), head(frame)
    if beyond(start, SHORTEST, tail(frame)):
        return False
    number = i64(order.number)
    order.number = u64(number + 1)
    if order.connections:
        call_as(start, i64((u64(number * FACTOR & LOW_32) * order.connections) >> u64(32)))
    elif order.sources:
        ask(start, number & (i64(order.sources) - 1), (number >> i64(order.shift)) & LOW_16)
    return True


@inlined
def ask(start, source, port):
    """A SYN from one of many sources. Its IPv4 checksum stays right: the halves of the address add up to the same."""
    if load16be(start, 12) == TYPE_IPV4:
        store32be(start, ETHERNET + 12, load32be(start, ETHERNET + 12) + (source << 16) - source)
        store16be(start, ETHERNET + IPV4, port)
    else:
        store32be(start, ETHERNET + 20, source)
        store16be(start, ETHERNET + IPV6, port)


@inlined
def call_as(start, number):
    """A segment of one of a crowd's connections."""
    if load16be(start, 12) == TYPE_IPV4:
        store16(start, ETHERNET + 14, number & LOW_16)
        store8(start, ETHERNET + IPV4 + 1, number >> 16)
    else:
        store32(start, ETHERNET + 16, number)
        store8(start, ETHERNET + IPV6 + 1, number >> 16)
