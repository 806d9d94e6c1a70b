"""How many queues an interface has in use: what `ethtool -l` shows. linux/ethtool.h"""

from __future__ import annotations

import ctypes
import fcntl
import socket
import struct
from dataclasses import dataclass

from hardtack.kernel import netlink

SIOCETHTOOL, GET_CHANNELS = 0x8946, 0x3C  # ETHTOOL_GCHANNELS
NUM_TX_QUEUES, NUM_RX_QUEUES = 31, 32  # IFLA_*
COUNTS = struct.Struct("=9I")  # struct ethtool_channels: cmd; four maxima; rx, tx, other, combined


@dataclass(frozen=True)
class Queues:
    """Numbers of queues, from 0 each."""

    receive: int
    send: int


def queues_of(name: str) -> Queues:
    """Of an interface of this network namespace. OSError (ENODEV) if there is none. No capability is needed."""
    facts = netlink.link(socket.if_nametoindex(name))
    reply = ctypes.create_string_buffer(COUNTS.pack(GET_CHANNELS, *[0] * 8), COUNTS.size)
    request = struct.pack("=16sQ16x", name.encode(), ctypes.addressof(reply))  # struct ifreq
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as kernel:
        try:
            fcntl.ioctl(kernel, SIOCETHTOOL, request)
        except OSError:  # a driver that cannot change them: as many as were made
            return Queues(number(facts, NUM_RX_QUEUES), number(facts, NUM_TX_QUEUES))
    *_, receive, send, _, combined = COUNTS.unpack(reply.raw)
    return Queues(max(receive + combined, 1), max(send + combined, 1))


def number(facts: netlink.Attributes, which: int) -> int:
    """An attribute that is a number; 1 where the kernel does not tell."""
    return int(struct.unpack("=I", facts.get(which, b"\1\0\0\0"))[0])
