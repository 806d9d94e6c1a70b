"""What changes in the kernel's routes, neighbours and interfaces, as it happens. linux/rtnetlink.h"""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network

from hardtack.kernel.netlink import attributes, messages
from hardtack.kernel.routes import NDA_DST, RTA_DST

# RTNLGRP_*: links, neighbours, IPv4 addresses, routes and rules, IPv6 likewise, next hop objects
GROUPS = (1, 3, 5, 7, 8, 9, 11, 19, 32)
NEW_ROUTE, DEL_ROUTE, NEW_NEIGHBOUR, DEL_NEIGHBOUR = 24, 25, 28, 29  # RTM_*
SO_RCVBUFFORCE = 33  # sys/socket.h; what a privileged process may have more than others
BUFFER = 4 << 20  # bytes of news that may wait
LARGEST = 1 << 16  # bytes of a datagram
MOST_DATAGRAMS = 1000  # read at a time: there may be no end of them

Network = IPv4Network | IPv6Network


@dataclass
class News:
    """What has changed: `everything` may have, or ways to these networks, or these neighbours (interface, address)."""

    everything: bool = False
    networks: set[Network] = field(default_factory=set)
    neighbours: set[tuple[int, bytes]] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.everything or self.networks or self.neighbours)


class Events:
    """The kernel's news of this network namespace, from now on."""

    def __init__(self) -> None:
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE
        )
        with suppress(PermissionError):
            self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
        self._socket.bind((0, sum(1 << (group - 1) for group in GROUPS)))

    def fileno(self) -> int:
        """Readable when there is news."""
        return self._socket.fileno()

    def read(self) -> News:
        """What has come in since the last time. News that was lost may have been of everything."""
        news = News()
        for _ in range(MOST_DATAGRAMS):
            try:
                datagram = self._socket.recv(LARGEST)
            except BlockingIOError:
                break
            except OSError:  # ENOBUFS: more than the buffer holds
                news.everything = True
                continue
            take_in(datagram, news)
        return news

    def close(self) -> None:
        """Hear no more."""
        self._socket.close()


def take_in(datagram: bytes, news: News) -> None:
    """Add what the messages of a datagram tell."""
    for kind, body in messages(datagram):
        if kind in (NEW_ROUTE, DEL_ROUTE):
            news.networks.add(network_of(body))
        elif kind in (NEW_NEIGHBOUR, DEL_NEIGHBOUR):
            address = attributes(body[12:]).get(NDA_DST, b"")
            news.neighbours.add((struct.unpack_from("=i", body, 4)[0], address))
        else:
            news.everything = True


def network_of(body: bytes) -> Network:
    """Where a route leads: struct rtmsg and its attributes. Without a destination it is the default route."""
    family, length = body[0], body[1]
    address = attributes(body[12:]).get(RTA_DST, b"")
    if family == socket.AF_INET:
        return IPv4Network((address.ljust(4, b"\0"), length), strict=False)
    return IPv6Network((address.ljust(16, b"\0"), length), strict=False)
