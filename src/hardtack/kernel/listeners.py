"""Listening TCP sockets of this network namespace, and what the kernel tells of them.

linux/sock_diag.h, linux/inet_diag.h, net/ipv4/tcp_diag.c
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from hardtack.kernel import netlink

NETLINK_SOCK_DIAG, BY_FAMILY = 4, 20
LISTEN = 1 << 10  # 1 << TCP_LISTEN
INFO, MEMORY, SIGNATURES, PROTOCOL_ABOVE = 2, 7, 18, 19  # INET_DIAG_*: the latter three SKMEMINFO, MD5SIG, ULP_INFO
ASKED = 1 << INFO - 1 | 1 << MEMORY - 1  # the rest comes with INFO
NAME = 1  # INET_ULP_INFO_NAME, in the last
HEADER = 72  # struct inet_diag_msg
PORT_AT, RECEIVE_AT = 4, 4  # in it; SK_MEMINFO_RCVBUF, in bytes


@dataclass(frozen=True)
class Listener:
    """`buffer`: bytes that it may hold unread, as the kernel counts. `signed`: it has TCP-MD5 keys, as root sees."""

    port: int
    buffer: int
    signed: bool
    multipath: bool


def listeners() -> list[Listener]:
    """All of them, IPv4 and IPv6. OSError: this kernel does not tell (CONFIG_INET_TCP_DIAG)."""
    found: list[Listener] = []
    for family in (socket.AF_INET, socket.AF_INET6):
        found += of_family(family)
    return found


def of_family(family: int) -> Iterator[Listener]:
    """Those of one family; one that takes both is among IPv6's."""
    wanted = struct.pack("=BBBBI48x", family, socket.IPPROTO_TCP, ASKED, 0, LISTEN)  # struct inet_diag_req_v2
    with netlink.opened(NETLINK_SOCK_DIAG) as kernel:
        for body in netlink.dump(kernel, BY_FAMILY, wanted):
            facts = netlink.attributes(body[HEADER:])
            above = netlink.attributes(facts.get(PROTOCOL_ABOVE, b"")).get(NAME, b"").rstrip(b"\0")
            yield Listener(
                port=struct.unpack_from("!H", body, PORT_AT)[0],
                buffer=struct.unpack_from("=I", facts[MEMORY], RECEIVE_AT)[0],
                signed=bool(facts.get(SIGNATURES)),
                multipath=above == b"mptcp",
            )
