"""The kernel's own routes and neighbours, asked by netlink: which way to an address, and by which MAC address.

linux/rtnetlink.h, linux/neighbour.h, linux/if_link.h, linux/if_arp.h. Nothing here takes a capability.
"""

from __future__ import annotations

import errno
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from hardtack.kernel.netlink import GETLINK, Attributes, attribute, attributes, exchange, opened

GETROUTE, GETNEIGH = 26, 30  # RTM_*
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_METRICS, RTA_VIA, RTA_ENCAP_TYPE = 1, 4, 5, 8, 18, 21
RTAX_MTU = 2
UNICAST, LOCAL = 1, 2  # RTN_*: a route to somebody else; to this machine
NDA_DST, NDA_LLADDR = 1, 2
# NUD_*
INCOMPLETE, REACHABLE, STALE, DELAY, PROBE, FAILED, NOARP, PERMANENT = (1 << bit for bit in range(8))
USABLE = REACHABLE | STALE | DELAY | PROBE | NOARP | PERMANENT
FRESH = USABLE & ~STALE  # heard of lately, or being asked
IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_LINK, IFLA_LINKINFO = 1, 3, 4, 5, 18
INFO_KIND, INFO_DATA, VLAN_ID, VLAN_PROTOCOL = 1, 2, 1, 5
ETHERNET = 1  # ARPHRD_ETHER
UP = 1  # IFF_UP
DOT1Q = 0x8100  # ETH_P_8021Q
NO_FAMILY = (errno.EOPNOTSUPP, errno.EAFNOSUPPORT)  # a kernel without IPv6
NO_ROUTE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EACCES, errno.EINVAL, errno.ENETDOWN, errno.ENODEV, *NO_FAMILY)
NO_NEIGHBOUR = (errno.ENOENT, errno.ENODEV, *NO_FAMILY)
DISCARD = 9  # the port of RFC 863


@dataclass(frozen=True)
class Route:
    """The way that the kernel takes to an address. `gateway` b"": the address itself is the neighbour."""

    kind: int  # UNICAST, LOCAL, or one of the others, which lead nowhere
    interface: int
    gateway: bytes  # 4 or 16 bytes
    mtu: int  # bytes that the route allows; 0: as many as the interface
    encapsulated: bool  # MPLS and the like


@dataclass(frozen=True)
class Link:
    """An interface, as much of it as forwarding needs."""

    name: str
    index: int
    ethernet: bool
    up: bool
    mac: bytes
    mtu: int
    lower: int  # of a VLAN's interface: the one that carries it; else 0
    vlan: int  # its number; else 0


def family_of(address: bytes) -> int:
    """AF_INET or AF_INET6, by the address's length."""
    return int(socket.AF_INET if len(address) == 4 else socket.AF_INET6)


class Routing:
    """Questions on routes, neighbours and interfaces of the network namespace in which this was made."""

    def __init__(self) -> None:
        self._socket = opened(socket.NETLINK_ROUTE)

    def route(self, address: bytes) -> Route | None:
        """The kernel's way to `address` for a packet of its own; None if there is no route. OSError."""
        body = struct.pack("=BBBBBBBBI", family_of(address), 8 * len(address), 0, 0, 0, 0, 0, 0, 0)
        reply = self._ask(GETROUTE, body + attribute(RTA_DST, address), NO_ROUTE)
        if reply is None:
            return None
        found = attributes(reply[12:])
        metrics = attributes(found.get(RTA_METRICS, b""))
        return Route(
            kind=reply[7],
            interface=number(found, RTA_OIF),
            gateway=found.get(RTA_GATEWAY, b"") or found.get(RTA_VIA, b"")[2:],
            mtu=number(metrics, RTAX_MTU),
            encapsulated=RTA_ENCAP_TYPE in found,
        )

    def neighbour(self, interface: int, address: bytes) -> tuple[int, bytes]:
        """State (NUD_*) and MAC address of a neighbour; 0 and b"" if the kernel knows none. OSError."""
        body = struct.pack("=BBHiHBB", family_of(address), 0, 0, interface, 0, 0, 0)
        reply = self._ask(GETNEIGH, body + attribute(NDA_DST, address), NO_NEIGHBOUR)
        if reply is None:
            return 0, b""
        return struct.unpack_from("=H", reply, 8)[0], attributes(reply[12:]).get(NDA_LLADDR, b"")

    def link(self, index: int) -> Link | None:
        """The interface with this index; None if there is none. OSError."""
        reply = self._ask(GETLINK, struct.pack("=BxHiII", 0, 0, index, 0, 0), (errno.ENODEV,))
        if reply is None:
            return None
        _, kind, index, flags = struct.unpack_from("=BxHiI", reply)
        facts = attributes(reply[16:])
        lower, vlan = carrier(facts)
        return Link(
            name=facts[IFLA_IFNAME].rstrip(b"\0").decode(errors="replace"),
            index=index,
            ethernet=kind == ETHERNET,
            up=bool(flags & UP),
            mac=facts.get(IFLA_ADDRESS, b""),
            mtu=number(facts, IFLA_MTU),
            lower=lower,
            vlan=vlan,
        )

    def _ask(self, kind: int, body: bytes, absent: tuple[int, ...]) -> bytes | None:
        """The answer; None for an error that says there is no such thing."""
        try:
            return exchange(self._socket, kind, body)
        except OSError as error:
            if error.errno in absent:
                return None
            raise

    def close(self) -> None:
        """Ask no more."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def carrier(facts: Attributes) -> tuple[int, int]:
    """Of an interface's attributes: if it is an 802.1Q VLAN's, what carries it and the VLAN's number; else zeros."""
    information = attributes(facts.get(IFLA_LINKINFO, b""))
    data = attributes(information.get(INFO_DATA, b""))
    kind, protocol = information.get(INFO_KIND, b"").rstrip(b"\0"), data.get(VLAN_PROTOCOL, b"")
    if kind != b"vlan" or int.from_bytes(protocol, "big") != DOT1Q:
        return 0, 0
    return number(facts, IFLA_LINK), struct.unpack("=H", data[VLAN_ID])[0]


def number(found: Attributes, kind: int) -> int:
    """An attribute of 32 bits; 0 if it is not there."""
    return int(struct.unpack("=I", found.get(kind, bytes(4)))[0])


def stir(interface: Link, address: bytes) -> None:
    """Have the kernel find out whether `address` is still there, and under which MAC address: send it a packet.

    An empty UDP datagram to the discard port, with one hop to live. Frames that bypass the kernel do not make it ask.
    """
    family = family_of(address)
    old = len(address) == 4
    level, hops = (socket.IPPROTO_IP, socket.IP_TTL) if old else (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS)
    where = (socket.inet_ntop(family, address), DISCARD)
    with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.name.encode())
        sender.setsockopt(level, hops, 1)
        sender.sendto(b"", where if old else (*where, 0, interface.index))
