"""Programs that see what hosts send, and learn from it: where it comes in, or at tcx where it leaves.

Who says that he is a host is believed only if he can be: at an inside interface, by the MAC address that the host is known
by; where frames leave for the internet, unless they have come from there.
"""

from __future__ import annotations

from hardtack.compiler.language import beyond, inlined, load32, load64, new, u64
from hardtack.packet.frame.linear import make_linear
from hardtack.packet.frame.link import has_ethernet, is_uplink
from hardtack.packet.frame.parse import NONE
from hardtack.packet.frame.platform import head, tail
from hardtack.packet.frame.wire import ETHERNET
from hardtack.packet.host.again import was_sent_by_us
from hardtack.packet.layout import NO_HOST
from hardtack.packet.out.tap import note, show
from hardtack.packet.records import Flow
from hardtack.packet.state.count import count
from hardtack.packet.state.hosts import host_of, net_at
from hardtack.packet.state.learn import learn_from, read_host
from hardtack.packet.state.seen import seen_by_inside, seen_by_leaving

PASS = 2  # XDP_PASS
NEXT = -1  # TCX_NEXT
CAME_BY = 36  # of __sk_buff: ingress_ifindex
SOURCE_MAC, MAC_SHIFT = 6, 16  # it is in a frame's bytes 6 to 11

new_flow = new(Flow)


def inside(frame):
    """struct xdp_md -> enum xdp_action, on an interface that hosts are behind."""
    note(frame)
    flow = new_flow()
    return show(frame, flow, inside_learned(frame, flow), PASS)


def inside_ip(frame):
    """struct __sk_buff -> enum tcx_action_base, at ingress, where frames begin with IP."""
    make_linear(frame)
    note(frame)
    flow = new_flow()
    return show(frame, flow, inside_learned(frame, flow), NEXT)


def inside_reason(frame):
    """The same, but what it returns is the reason."""
    flow = new_flow()
    return inside_learned(frame, flow)


def leaving(frame):
    """struct __sk_buff -> enum tcx_action_base, on what goes out to the internet."""
    seen_by_leaving()
    if was_sent_by_us(frame):
        return NEXT
    make_linear(frame)
    note(frame)
    flow = new_flow()
    flow.host = NO_HOST
    reason = read_host(frame, flow)
    if reason == NONE:
        host = host_of(flow)
        reason = learn_from(flow, host, is_uplink(load32(frame, CAME_BY)) and not host.one_armed)
    count(reason, flow.host, flow.size)
    return show(frame, flow, reason, NEXT)


@inlined
def inside_learned(frame, flow):
    """The frame's reason, counted."""
    seen_by_inside()
    flow.host = NO_HOST
    reason = read_host(frame, flow)
    if reason == NONE:
        reason = learn_from(flow, host_of(flow), is_anothers(frame, flow))
    count(reason, flow.host, flow.size)
    return reason


@inlined
def is_anothers(frame, flow):
    """Whether another machine than the host has sent it, as far as the host's MAC address is known, and there are any."""
    if not has_ethernet(frame):
        return False
    start, origin = head(frame), net_at(flow.place).origin
    if origin == u64(0) or beyond(start, ETHERNET, tail(frame)):
        return False
    return (load64(start, SOURCE_MAC) << u64(MAC_SHIFT)) >> u64(MAC_SHIFT) != origin  # more than 48 bits: nobody
