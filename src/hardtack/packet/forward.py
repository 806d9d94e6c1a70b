"""A frame goes on to its host: to the kernel, or straight out of an interface with new MAC addresses."""

from __future__ import annotations

from hardtack.compiler.language import (
    absent,
    address,
    at,
    beyond,
    entry_at,
    entry_of,
    i64,
    inlined,
    load8,
    load16,
    store8,
    store16,
    store32,
    store64,
    swap16,
    u64,
    viewed,
)
from hardtack.packet.layout import EXITS, KEEP_TAG, KERNEL, MOST_EXITS, NEXT_HOPS, NO_TAG, ROUTED, Exit, Exits, NextHop
from hardtack.packet.platform import head, move_head, send, tail
from hardtack.packet.wire import ETHERNET, TAG, TYPE_IPV4, TYPE_IPV6, TYPE_VLAN

PASS, TX = 2, 3  # enum xdp_action
SAME = 0  # the exit that is the interface which the frame came in by
TTL_4, CHECKSUM_4, HOPS_6 = 8, 10, 7  # places in the IP header
VID_BITS, PRIORITY_BITS = 0x0FFF, 0xF000  # of a tag's second word, priority and DEI
MAC_BITS = (1 << 48) - 1
EXIT_SIZE = Exit.itemsize

next_hop_at = entry_at(NEXT_HOPS, NextHop)
exits = entry_of(EXITS, Exits)
exit_at = viewed(Exit)


@inlined
def forward(frame, flow):
    """Carry out the verdict FORWARD: an XDP action. What cannot go straight goes by way of the kernel."""
    if flow.via == KERNEL:
        return PASS
    hop = next_hop_at(flow.place)
    if absent(hop):
        return PASS
    to = hop.word
    if to == u64(0):
        return PASS
    number = i64(to >> u64(48)) & (MOST_EXITS - 1)
    way = exit_at(at(address(exits()), number * EXIT_SIZE))
    if flow.via == ROUTED and (u64(flow.size) > way.mtu or not hop_counted(frame, flow)):
        return PASS
    if not readdress(frame, flow, to & u64(MAC_BITS), way.mac):
        return PASS
    return TX if number == SAME else send(number)


@inlined
def hop_counted(frame, flow):
    """One hop less to live; False, and nothing changed, if that would be the last: the kernel answers. RFC 1812 5.3.1"""
    start, end = head(frame), tail(frame)
    network = at(start, flow.network)
    if beyond(network, 20, end):
        return False
    place = TTL_4 if flow.version == 4 else HOPS_6
    left = load8(network, place)
    if left <= 1:
        return False
    store8(network, place, left - 1)
    if flow.version == 4:  # RFC 1624, for a word that is less by 0x0100 on the wire: 1 in the byte that comes first
        total = load16(network, CHECKSUM_4) + 1
        store16(network, CHECKSUM_4, (total + (total >> 16)) & 0xFFFF)
    return True


@inlined
def readdress(frame, flow, to, source):
    """Give the frame its MAC addresses, and the tags that the host's network wants; False if it cannot grow."""
    if flow.tag == KEEP_TAG:
        start, end = head(frame), tail(frame)
        if beyond(start, ETHERNET, end):
            return False
        write_addresses(start, to, source)
        return True
    return retag(frame, flow, to, source)


@inlined
def write_addresses(start, to, source):
    """12 bytes: 6 and 6."""
    store64(start, 0, to | (source << u64(48)))
    store32(start, 8, i64(source >> u64(16)))


@inlined
def retag(frame, flow, to, source):
    """The same with one 802.1Q tag, or none, in the place of whatever was there. The priority stays."""
    start, end = head(frame), tail(frame)
    if beyond(start, ETHERNET + TAG, end):
        return False
    priority = load16(start, ETHERNET) & swap16(PRIORITY_BITS) if flow.network > ETHERNET else 0
    kind = swap16(TYPE_IPV4 if flow.version == 4 else TYPE_IPV6)
    size = ETHERNET if flow.tag == NO_TAG else ETHERNET + TAG
    if flow.network != size and move_head(frame, flow.network - size) != 0:
        return False
    start, end = head(frame), tail(frame)
    if beyond(start, ETHERNET + TAG, end):
        return False
    write_addresses(start, to, source)
    if flow.tag == NO_TAG:
        store16(start, 12, kind)
    else:
        store16(start, 12, swap16(TYPE_VLAN))
        store16(start, 14, priority | swap16(flow.tag & VID_BITS))
        store16(start, 16, kind)
    return True
