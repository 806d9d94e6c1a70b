"""TCP connections that end in this network namespace, as its sockets have them.

linux/sock_diag.h, linux/inet_diag.h
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

from hardtack.kernel import netlink
from hardtack.kernel.listeners import BY_FAMILY, NETLINK_SOCK_DIAG

# 1 << TCP_*: ESTABLISHED, FIN_WAIT1, FIN_WAIT2, CLOSE_WAIT, LAST_ACK, CLOSING: there is a socket, and it may still send
OPEN = 1 << 1 | 1 << 4 | 1 << 5 | 1 << 8 | 1 << 9 | 1 << 11
MAPPED = bytes(10) + b"\xff\xff"  # before an IPv4 address: RFC 4291 2.5.5.2


def names() -> Iterator[bytes]:
    """Of each, 36 bytes: the other end's address (IPv4 mapped) and ours, its port and ours. OSError: not told."""
    for family in (socket.AF_INET, socket.AF_INET6):
        wanted = struct.pack("=BBBBI48x", family, socket.IPPROTO_TCP, 0, 0, OPEN)  # struct inet_diag_req_v2
        with netlink.opened(NETLINK_SOCK_DIAG) as kernel:
            for body in netlink.dump(kernel, BY_FAMILY, wanted):  # struct inet_diag_msg
                ports = body[6:8] + body[4:6]
                if family == socket.AF_INET:
                    yield MAPPED + body[24:28] + MAPPED + body[8:12] + ports
                else:
                    yield body[24:40] + body[8:24] + ports
