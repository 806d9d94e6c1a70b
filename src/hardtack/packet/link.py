"""What an Ethernet header says, if there is one: whom the frame was sent to."""

from __future__ import annotations

from hardtack.compiler.language import address, beyond, entry_of, inlined, load64, u64, viewed
from hardtack.packet.layout import EXITS, Exit, Exits
from hardtack.packet.platform import head, network_of, tail
from hardtack.packet.wire import ETHERNET

MAC_BITS = (1 << 48) - 1

exits = entry_of(EXITS, Exits)
exit_at = viewed(Exit)


@inlined
def has_ethernet(frame):
    """Whether the frame begins with an Ethernet header. XDP programs are only where frames do."""
    return network_of(frame) == ETHERNET


@inlined
def is_for_us(frame):
    """Whether the frame was sent to this interface, and not to all, or just seen here: a switch floods what it cannot place.

    Two fronts on one wire would else send each other's frames round and round, and answers in another machine's name would
    make switches send us what is for it. The kernel drops such frames (PACKET_OTHERHOST). What has no addresses is for us.
    """
    if not has_ethernet(frame):
        return True
    start = head(frame)
    if beyond(start, ETHERNET, tail(frame)):
        return False
    return load64(start, 0) & u64(MAC_BITS) == exit_at(address(exits())).mac
