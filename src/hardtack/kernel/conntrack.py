"""TCP connections that this network namespace's conntrack knows: of machines that it routes for, and its own.

linux/netfilter/nfnetlink.h, nfnetlink_conntrack.h, nf_conntrack_tcp.h; net/netfilter/nf_conntrack_netlink.c
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from pathlib import Path

from hardtack.kernel import netlink
from hardtack.kernel.netlink import Attributes, attributes
from hardtack.kernel.sockets import MAPPED

NETLINK_NETFILTER = 12
GET = 1 << 8 | 1  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET
HEADER = 4  # struct nfgenmsg
ORIGINAL, REPLY, DETAILS = 1, 2, 4  # CTA_TUPLE_ORIG, CTA_TUPLE_REPLY, CTA_PROTOINFO
TCP = 1  # CTA_PROTOINFO_TCP
# TCP_CONNTRACK_ESTABLISHED, FIN_WAIT, CLOSE_WAIT, LAST_ACK: an end may still send
OPEN = {(TCP, state) for state in (3, 4, 5, 6)}
# Nests as ctnetlink_dump_tuples and tcp_to_nlattr have always written them, each thing behind a head of 4 bytes: in a tuple
# source and destination, then, behind the protocol, their ports; in the details which protocol they are of, and the state.
# To look for each by its kind takes twice as long
TUPLE_4, TUPLE_6 = struct.Struct("8x4s4x4s16x2s6x2s"), struct.Struct("8x16s4x16s16x2s6x2s")
STATE = struct.Struct("<2xB5xB")


def is_there(count: Path = Path("/proc/sys/net/netfilter/nf_conntrack_count")) -> bool:
    """Whether it is at work here, and knows any. To ask it by netlink would load its modules."""
    try:
        return int(count.read_text()) > 0
    except (FileNotFoundError, PermissionError):
        return False


def names() -> Iterator[bytes]:
    """Of each two, as sockets.names has them: source and destination of what one end sends, and of what the other does.

    Both as frames are when they come in here, before any NAT: so one of them is a client's, if a host of ours is the other
    end, whoever has opened the connection. OSError: not told.
    """
    with netlink.opened(NETLINK_NETFILTER) as kernel:
        for body in netlink.dump(kernel, GET, struct.pack("=BBH", socket.AF_UNSPEC, 0, 0)):
            facts = attributes(body[HEADER:])
            if is_open(facts):
                yield name(facts[ORIGINAL])
                yield name(facts[REPLY])


def is_open(facts: Attributes) -> bool:
    """Whether it is a TCP connection that both ends have agreed to, and that one of them may still send on."""
    about = facts.get(DETAILS, b"")
    return len(about) >= STATE.size and STATE.unpack_from(about) in OPEN


def name(of: bytes) -> bytes:
    """A tuple's."""
    if len(of) < TUPLE_6.size:
        source, destination, *ports = TUPLE_4.unpack_from(of)
        return b"".join((MAPPED, source, MAPPED, destination, *ports))
    return b"".join(TUPLE_6.unpack_from(of))
