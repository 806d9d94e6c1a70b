"""The front, but each run is for the same frame from another source, by another port. For the bench.

Run again and again on one SYN, a front would meet a connection that it knows already.
"""

from __future__ import annotations

from hardtack.compiler.language import beyond, entry_of, i64, inlined, load16be, load32be, new, store16be, store32be, u64
from hardtack.lab.packets.found import VARIED, Varied
from hardtack.lab.packets.stages import SHORTEST, restore
from hardtack.packet.frame.platform import head, tail
from hardtack.packet.frame.wire import ETHERNET, IPV4, IPV6, TYPE_IPV4
from hardtack.packet.front import goes_on, judged, verdict_of
from hardtack.packet.out.forward import forward
from hardtack.packet.records import Flow

PASS = 2  # XDP_PASS
LOW_16 = 0xFFFF

new_flow = new(Flow)
varied_entry = entry_of(VARIED, Varied)


def varied(frame):
    """struct xdp_md -> the front's verdict, REDIRECT if it is sent on straight."""
    restore(frame)
    if not vary(frame):
        return PASS
    flow = new_flow()
    reason = judged(frame, flow)
    if goes_on(reason, flow):
        return forward(frame, flow)
    return verdict_of(reason)


@inlined
def vary(frame):
    """Give it the next of so many sources, and ports in turn; False if it is too short. Its IPv4 checksum stays right."""
    order, start = varied_entry(), head(frame)
    if beyond(start, SHORTEST, tail(frame)):
        return False
    number, sources = i64(order.number), i64(order.sources)
    if sources == 0:
        return True
    order.number = u64(number + 1)
    one = number & (sources - 1)
    port = (number >> i64(order.shift)) & LOW_16
    if load16be(start, 12) == TYPE_IPV4:
        source = load32be(start, ETHERNET + 12)  # the halves add up to the same
        store32be(start, ETHERNET + 12, (source + (one << 16)) - one)
        store16be(start, ETHERNET + IPV4, port)
    else:
        store32be(start, ETHERNET + 20, one)
        store16be(start, ETHERNET + IPV6, port)
    return True
