"""What an Ethernet header says, if there is one: whom the frame was sent to."""

from __future__ import annotations

from hardtack.compiler.language import beyond, entry_of, i64, inlined, load64, u64
from hardtack.packet.frame.platform import head, network_of, tail
from hardtack.packet.frame.wire import ETHERNET
from hardtack.packet.layout import MAC_SHIFT, MAC_SLOTS_BITS, OUTSIDE, Outside

outside = entry_of(OUTSIDE, Outside)


@inlined
def has_ethernet(frame):
    """Whether the frame begins with an Ethernet header. XDP programs are only where frames do."""
    return network_of(frame) == ETHERNET


@inlined
def is_for_us(frame):
    """Whether the frame was sent to this machine, and not to all, or just seen here: a switch floods what it cannot place.

    Two fronts on one wire would else send each other's frames round and round, and answers in another machine's name would
    make switches send us what is for it. The kernel drops such frames (PACKET_OTHERHOST). What has no addresses is for us.
    Which MAC addresses are ours control/outside.py knows; nearly always it is the first.
    """
    if not has_ethernet(frame):
        return True
    start = head(frame)
    if beyond(start, ETHERNET, tail(frame)):
        return False
    ours, mac = outside(), load64(start, 0) << u64(MAC_SHIFT)
    if mac == ours.mac:
        return True
    return ours.others[i64((mac * ours.factor) >> u64(64 - MAC_SLOTS_BITS))] == mac
