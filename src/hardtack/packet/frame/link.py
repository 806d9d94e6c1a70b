"""By which interface a frame came in, and what its Ethernet header says, if there is one: whom it was sent to."""

from __future__ import annotations

from hardtack.compiler.language import beyond, entry_of, i64, inlined, load64, u64
from hardtack.packet.frame.platform import head, interface_of, network_of, tail
from hardtack.packet.frame.wire import ETHERNET
from hardtack.packet.layout import (
    INTERFACE_SHIFT,
    MAC_SHIFT,
    MAC_SLOTS_BITS,
    MOST_EXITS,
    OUTSIDE,
    WAYS_IN_BITS,
    Outside,
)

outside = entry_of(OUTSIDE, Outside)


@inlined
def has_ethernet(frame):
    """Whether the frame begins with an Ethernet header. XDP programs are only where frames do."""
    return network_of(frame) == ETHERNET


@inlined
def came_by(frame):
    """The number of the uplink that a frame came in by: its place in `exits`. With one uplink 0: nothing is looked up.

    That 0 is read from the table: the verifier then knows as little of it as of any other, and goes on with both as one.
    """
    ours = outside()
    return i64(way_in(interface_of(frame)) if ours.several else ours.only) & (MOST_EXITS - 1)


@inlined
def is_uplink(interface):
    """Whether what came in by the interface of this index came from the internet."""
    return i64(way_in(interface) >> u64(INTERFACE_SHIFT)) == interface


@inlined
def way_in(interface):
    """The word that would be of this interface."""
    ours = outside()
    return ours.ways_in[i64((u64(interface) * ours.spread) >> u64(64 - WAYS_IN_BITS))]


@inlined
def is_for_us(frame, flow):
    """Whether the frame was sent to this machine, and not to all, or just seen here: a switch floods what it cannot place.

    Two fronts on one wire would else send each other's frames round and round, and answers in another machine's name would
    make switches send us what is for it. The kernel drops such frames (PACKET_OTHERHOST). What has no addresses is for us.
    Which MAC addresses are ours, and at which uplink, control/outside.py knows; with one it is nearly always the first.
    """
    if not has_ethernet(frame):
        return True
    start = head(frame)
    if beyond(start, ETHERNET, tail(frame)):
        return False
    ours, mac = outside(), load64(start, 0) << u64(MAC_SHIFT)
    if mac == ours.mac:
        return True
    differs = ours.others[i64((mac * ours.factor) >> u64(64 - MAC_SLOTS_BITS))] ^ mac
    return (differs >> u64(flow.uplink)) & u64(1) > differs >> u64(MAC_SHIFT)  # the bit, and nothing above
