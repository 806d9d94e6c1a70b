"""veth: what an XDP program sends back there arrives only if the other end has one, too.

Without, veth_xdp_xmit finds no ring at the other end; with GRO on there is one, but veth_xdp_flush wakes nobody to read it
(drivers/net/veth.c). So it is at a container's own interface. XDP's generic hook sends as the network stack does.
"""

from __future__ import annotations

import struct

from hardtack.kernel import netlink
from hardtack.kernel.netlink import Attributes

LINK, LINK_NETNSID = 5, 37  # IFLA_*: the other end's index; the namespace it is in, if that is another one
IN_DRIVER = 1  # XDP_ATTACHED_DRV


def loses_answers(facts: Attributes) -> str:
    """Why what is sent back by the driver of the interface that these IFLA_* are of would reach nobody; "" if it would."""
    if netlink.kind(facts) != "veth":
        return ""
    try:
        has_program = netlink.xdp_program(other_end(facts))[0] == IN_DRIVER
    except OSError as error:
        return f"cannot tell whether the other end of this veth has an XDP program ({error.strerror})"
    return "" if has_program else "the other end of this veth has no XDP program, so frames sent back by XDP_TX are lost"


def other_end(facts: Attributes) -> Attributes:
    """The IFLA_* of the veth that this one's frames come out of, in whatever namespace. OSError: it may not be looked at."""
    index = struct.unpack("=I", facts[LINK])[0]
    namespace = struct.unpack("=i", facts[LINK_NETNSID])[0] if LINK_NETNSID in facts else None
    return netlink.link(index, namespace)
