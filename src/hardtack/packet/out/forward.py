"""A frame goes on to its host: to the kernel, or straight out of an interface with new MAC addresses."""

from __future__ import annotations

from hardtack.compiler.language import (
    address,
    at,
    barrier,
    beyond,
    entry_of,
    i64,
    inlined,
    load8,
    load16,
    load16be,
    store8,
    store16,
    store32,
    store64,
    swap16,
    u64,
    untold,
    viewed,
)
from hardtack.packet.frame.link import is_for_us, outside
from hardtack.packet.frame.parse import MOST_OUTER, ip_header
from hardtack.packet.frame.platform import head, move_head, send, tail
from hardtack.packet.frame.wire import ETHERNET, HOP_BY_HOP, IPV4, IPV6, TAG, TYPE_IPV4, TYPE_IPV6, TYPE_VLAN
from hardtack.packet.layout import EXITS, KEEP_TAG, KERNEL, MOST_EXITS, NO_TAG, ROUTED, TO_LEARN, Exit, Exits
from hardtack.packet.out.finish import finish
from hardtack.packet.out.wanted import note
from hardtack.packet.state.hosts import host_of, net_at

PASS, TX = 2, 3  # enum xdp_action
MAC_BITS = (1 << 48) - 1
SAME = 0  # the exit that is the uplink which the frame came in by, whichever
TTL_4, CHECKSUM_4, NEXT_6, HOPS_6 = 8, 10, 6, 7  # places in the IP header
VID_BITS, PRIORITY_BITS = 0x0FFF, 0xF000  # of a tag's second word, priority and DEI
EXIT_SIZE = Exit.itemsize
LONGEST = 0xFFFF  # bytes that the verifier lets a pointer go

exits = entry_of(EXITS, Exits)
exit_at = viewed(Exit)


@inlined
def forward(frame, flow):
    """Carry out the verdict FORWARD: an XDP action. What cannot go straight goes by way of the kernel."""
    host = host_of(flow)
    if host.via == KERNEL:
        return PASS
    net = net_at(flow.place)
    to = net.next_hop
    if to <= u64(TO_LEARN):
        if to == u64(TO_LEARN):
            note(flow)
        return PASS
    if not net.used:  # else its cache line would be every frame's to write
        net.used = 1
    if not is_for_us(frame, flow):
        return PASS
    flow.network = untold(flow.network) & MOST_OUTER  # LLVM knows that; the verifier does not, by now
    number = i64(to >> u64(48)) & (MOST_EXITS - 1)
    if number == SAME:
        number = flow.uplink
    way = exit_at(at(address(exits()), number * EXIT_SIZE))
    if host.via == ROUTED and not may_travel(frame, flow):
        return PASS
    if not fits(frame, flow, way):
        return PASS
    network = flow.network if host.tag == KEEP_TAG else retag(frame, flow, i64(host.tag))
    barrier()  # else LLVM goes on with a pointer from before the frame was moved
    start = head(frame)
    if network < 0 or beyond(start, ETHERNET, tail(frame)):
        return PASS
    write_addresses(start, to & u64(MAC_BITS), way.mac)
    if host.via == ROUTED:
        count_hop(frame, flow, network)
    if (outside().unfinished >> u64(flow.uplink)) & u64(1):
        finish(frame, network, flow.version)
    return TX if number == flow.uplink else send(number)


@inlined
def fits(frame, flow, way):
    """Whether the exit takes it; if not, the kernel sends it on in pieces, or tells its sender (RFC 1812 5.3.1).

    What is longer than its MTU it would drop (xdp_ok_fwd_dev): GRO has merged it, if XDP runs in the generic hook. And some
    drivers take no frames of several buffers.
    """
    network, end = ip_header(frame, flow), tail(frame)
    if beyond(network, IPV4, end):
        return False
    size = load16be(network, 2) if flow.version == 4 else load16be(network, 4) + IPV6
    if u64(size) > way.mtu:
        return False
    return way.scatters or not beyond(network, size if size < LONGEST else LONGEST, end)


@inlined
def may_travel(frame, flow):
    """Whether it has a hop left; if not, the kernel tells its sender so. RFC 1812 5.3.1, 4.3.2

    Options and hop-by-hop headers are for routers to act on: the kernel does.
    """
    network = ip_header(frame, flow)
    if beyond(network, IPV4, tail(frame)):
        return False
    if load8(network, 0) & 15 != 5 if flow.version == 4 else load8(network, NEXT_6) == HOP_BY_HOP:
        return False
    return load8(network, TTL_4 if flow.version == 4 else HOPS_6) > 1


@inlined
def count_hop(frame, flow, offset):
    """One hop less to live; the IPv4 checksum follows (RFC 1624, as ip_decrease_ttl does it)."""
    network = at(head(frame), offset)
    if beyond(network, IPV4, tail(frame)):
        return
    if flow.version == 4:
        store8(network, TTL_4, load8(network, TTL_4) - 1)
        total = load16(network, CHECKSUM_4) + 1  # 0x0100 less in the word of the TTL, in this byte order
        store16(network, CHECKSUM_4, total + 1 if total >= 0xFFFF else total)
    else:
        store8(network, HOPS_6, load8(network, HOPS_6) - 1)


@inlined
def write_addresses(start, to, source):
    """12 bytes: 6 and 6."""
    store64(start, 0, to | (source << u64(48)))
    store32(start, 8, i64(source >> u64(16)))


@inlined
def retag(frame, flow, tag):
    """One 802.1Q tag, or none, in the place of whatever was there; the priority stays. Where IP begins then, or -1."""
    start = head(frame)
    if beyond(start, ETHERNET + TAG, tail(frame)):
        return -1
    priority = load16(start, ETHERNET) & swap16(PRIORITY_BITS) if flow.network > ETHERNET else 0
    size = ETHERNET if tag == NO_TAG else ETHERNET + TAG
    if flow.network != size and move_head(frame, flow.network - size) != 0:
        return -1
    start = head(frame)
    if beyond(start, ETHERNET + TAG, tail(frame)):
        return -1
    if tag != NO_TAG:
        store16(start, ETHERNET - 2, swap16(TYPE_VLAN))
        store16(start, ETHERNET, priority | swap16(tag & VID_BITS))
    store16(start, size - 2, swap16(TYPE_IPV4 if flow.version == 4 else TYPE_IPV6))
    return size
