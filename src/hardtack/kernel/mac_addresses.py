"""The MAC addresses by which frames that come in at an interface are this machine's, and by which interface they come then.

As the kernel takes them: the interface's own (eth_type_trans); those that its hardware filter has besides, which macvlans,
VLANs with addresses of their own and `bridge fdb add ... self` put there (dev_uc_add); the same of the bridge, bond or team
that it belongs to, or its ports' own. linux/rtnetlink.h, linux/if_link.h, linux/neighbour.h
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator

from hardtack.kernel.netlink import GETLINK, Attributes, attribute, attributes, dump, exchange, kind

GETNEIGH = 30  # RTM_GETNEIGH
IFLA_ADDRESS, IFLA_MASTER = 1, 10
NDA_DST, NDA_LLADDR = 1, 2
PERMANENT = 0x80  # NUD_PERMANENT: neither learned nor of a machine behind a bridge's port
JOINING = frozenset({"bridge", "bond", "team"})  # interfaces whose ports' frames are theirs
BUNDLING = JOINING - {"bridge"}  # and all of whose ports lead to the same
GONE = (errno.ENODEV, errno.EOPNOTSUPP)
GROUP = 1  # bit of a first byte: IEEE 802.3 3.2.3


def of(kernel: socket.socket, interface: int) -> tuple[bytes, ...]:
    """All of them, the interface's own first, none twice, no group's; none if it has gone. OSError."""
    facts = facts_of(kernel, interface)
    if IFLA_ADDRESS not in facts:
        return ()
    found = [facts[IFLA_ADDRESS], *filtered(kernel, interface)]
    if kind(facts) in JOINING:
        found += ports_of(kernel, interface)
    while master := int.from_bytes(facts.get(IFLA_MASTER, b""), "little"):
        facts = facts_of(kernel, master)
        if kind(facts) not in JOINING:  # a VRF's is nobody's
            break
        found += [facts[IFLA_ADDRESS], *filtered(kernel, master)]
    return tuple(mac for mac in dict.fromkeys(found) if len(mac) == 6 and not mac[0] & GROUP)


def facts_of(kernel: socket.socket, interface: int) -> Attributes:
    """The interface's attributes; none if there is no such interface."""
    try:
        return attributes(exchange(kernel, GETLINK, about(interface))[16:])
    except OSError as error:
        if error.errno in GONE:
            return {}
        raise


def filtered(kernel: socket.socket, interface: int) -> Iterator[bytes]:
    """What its hardware is to let through besides its own address (ndo_dflt_fdb_dump), or its bridge to keep."""
    for body in dump(kernel, GETNEIGH, about(interface, socket.AF_BRIDGE)):
        whose, state = struct.unpack_from("=iH", body, 4)
        facts = attributes(body[12:])
        if whose == interface and state & PERMANENT and NDA_DST not in facts:  # a tunnel's lead to others
            yield facts.get(NDA_LLADDR, b"")


def ways_in(kernel: socket.socket, interface: int) -> tuple[int, ...]:
    """The interfaces that a frame may be said to come in by that comes in at this one: their indices, itself first. OSError.

    Where a bond or team runs an XDP program it is on its ports, and what comes in at a port is later said to be the bond's.
    """
    facts = facts_of(kernel, interface)
    found = [interface]
    if kind(facts) in BUNDLING:
        found += [index for index, _ in members(kernel, interface)]
    while (master := int.from_bytes(facts.get(IFLA_MASTER, b""), "little")) and master not in found:
        facts = facts_of(kernel, master)
        if kind(facts) not in BUNDLING:
            break
        found.append(master)
    return tuple(found)


def ports_of(kernel: socket.socket, master: int) -> Iterator[bytes]:
    """The MAC addresses of what belongs to a bridge, bond or team."""
    for _, facts in members(kernel, master):
        yield facts.get(IFLA_ADDRESS, b"")


def members(kernel: socket.socket, master: int) -> Iterator[tuple[int, Attributes]]:
    """Indices and attributes of what belongs to it."""
    wanted = struct.pack("=I", master)
    for body in dump(kernel, GETLINK, about(0) + attribute(IFLA_MASTER, wanted)):
        facts = attributes(body[16:])
        if facts.get(IFLA_MASTER) == wanted:
            yield struct.unpack_from("=i", body, 4)[0], facts


def about(interface: int, family: int = socket.AF_UNSPEC) -> bytes:
    """struct ifinfomsg: kernels take it for struct ndmsg's questions, too, and answer of this interface alone."""
    return struct.pack("=BxHiII", family, 0, interface, 0, 0)
