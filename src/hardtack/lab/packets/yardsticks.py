"""Small packet programs for the lab's interfaces: the sink for what a flood provokes, and the bench's yardsticks."""

from __future__ import annotations

from hardtack.compiler.language import beyond, inlined, load16be, load32be, load64, u64
from hardtack.lab.packets.handshakes import acknowledge_4, acknowledge_6, turn_frame
from hardtack.lab.packets.recipe import FLOOD_4, FLOOD_6
from hardtack.packet.frame.platform import head, send, tail
from hardtack.packet.frame.wire import ETHERNET, IPV4, IPV6, TYPE_IPV4, TYPE_IPV6

DROP, PASS, TX = 1, 2, 3  # enum xdp_action
BASE_4, MASK_4 = int(FLOOD_4.network_address), int(FLOOD_4.netmask)
# The upper half of an IPv6 address as it lies in memory; the prefix is shorter than that
BASE_6, MASK_6 = (int.from_bytes(a.packed[:8], "little") for a in (FLOOD_6.network_address, FLOOD_6.netmask))
SOURCE_4, SOURCE_6 = ETHERNET + 12, ETHERNET + 8
DESTINATION_4, DESTINATION_6 = ETHERNET + 16, ETHERNET + 24


def sink(frame):
    """Drop what goes to the flood's sources, or comes back from them unanswered: the kernel has better things to do.

    But answer SYN-ACKs that are for a filler.
    """
    start, end = head(frame), tail(frame)
    if beyond(start, ETHERNET + IPV4, end):
        return PASS
    kind = load16be(start, 12)
    if kind == TYPE_IPV4:
        if flooded_4(start, DESTINATION_4):
            return TX if acknowledge_4(start, end) else DROP
        return DROP if flooded_4(start, SOURCE_4) else PASS
    if kind != TYPE_IPV6 or beyond(start, ETHERNET + IPV6, end):
        return PASS
    if flooded_6(start, DESTINATION_6):
        return TX if acknowledge_6(start, end) else DROP
    return DROP if flooded_6(start, SOURCE_6) else PASS


def mirror(frame):
    """Send every frame back where it came from: the least that any answer costs."""
    start, end = head(frame), tail(frame)
    if beyond(start, ETHERNET, end):
        return DROP
    turn_frame(start)
    return TX


def straight(_frame):
    """Send every frame out of the first exit as it is: the least that any forwarding costs."""
    return send(1)


def drop(_frame):
    """Drop every frame: the least that receiving one costs."""
    return DROP


def let_pass(_frame):
    """Pass every frame: its presence alone lets a veth's peer use XDP_TX."""
    return PASS


@inlined
def flooded_4(start, place):
    """Whether the IPv4 address at an offset is one that the flood uses."""
    return load32be(start, place) & MASK_4 == BASE_4


@inlined
def flooded_6(start, place):
    """The same for IPv6."""
    return load64(start, place) & u64(MASK_6) == u64(BASE_6)
