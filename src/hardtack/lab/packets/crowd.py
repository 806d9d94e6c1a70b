"""Known connections for the bench: whose they are, and what the program that sends their segments is told. NumPy only.

Connection `number` of a crowd has an address and a port of its own, so that any of them can be drawn by a random number.
"""

from __future__ import annotations

import secrets

import numpy as np
import numpy.typing as npt

from hardtack.image import Table
from hardtack.lab.packets.recipe import FLOOD_4, FLOOD_6, LARGEST, Target, frame_for, words_sum
from hardtack.packet.layout import Connection

# As words in memory: what all clients' addresses begin with, and what all their ports begin with
BASE_4 = int.from_bytes(FLOOD_4.network_address.packed, "little")
BASE_6 = int.from_bytes(FLOOD_6.network_address.packed[:8], "little")
EPHEMERAL = 0x80  # 32768 and up
MAPPED = 0xFFFF0000  # before an IPv4 address: RFC 4291 2.5.5.2
MOST = 1 << 24  # connections: 16 bits of the number are in the address, 8 in the port

Crowd = np.dtype(
    [
        ("state", "u8"),  # of the random numbers; never 0
        ("sent", "u8"),  # frames handed to the interface so far
        ("count", "u8"),  # connections that segments are drawn from
        ("train", "u8"),  # segments of one connection in a row
        ("number", "u8"),  # the connection of the segments now, and how many of them are still to come
        ("left", "u8"),
        ("version", "u8"),  # 4 or 6
        ("network_sum", "u8"),  # of the IPv4 header without its source
        ("transport_sum", "u8"),  # of pseudo-header and TCP header without source and source port
        ("frame", "u1", (LARGEST,)),
    ],
    align=True,
)
CROWD = Table("crowd", "array", 4, Crowd.itemsize, 1)
TEMPLATE = Crowd.itemsize - LARGEST  # offset of the frame, which is last


def crowd_for(target: Target, count: int, train: int) -> bytes:
    """The record for the table: ACKs without data of connections 0 to `count` - 1, sequence number 0, `train` in a row."""
    frame = frame_for(target, "ack", "none")
    tcp_at = 34 if target.version == 4 else 54
    destination = frame[30:34] if target.version == 4 else frame[38:54]
    record = np.zeros((), Crowd)
    record["state"] = secrets.randbits(64) | 1
    record["count"], record["train"], record["version"] = count, train, target.version
    record["network_sum"] = words_sum(frame[14:34]) if target.version == 4 else 0
    record["transport_sum"] = words_sum(destination + b"\0\6\0\x14" + frame[tcp_at : tcp_at + 20])
    record["frame"] = np.frombuffer(frame.ljust(LARGEST, b"\0"), np.uint8)
    return record.tobytes()


def connections(target: Target, host: int, count: int) -> npt.NDArray[np.void]:
    """The same as records of the connection table, of the host with that number; nobody has heard the host yet."""
    numbers = np.arange(count, dtype="u8")
    rows = np.zeros(count, Connection)
    frame = frame_for(target, "ack", "none")
    if target.version == 4:
        rows["source_low"] = MAPPED | (BASE_4 | (numbers & 0xFFFF) << 16) << 32
        rows["destination_low"] = MAPPED | int.from_bytes(frame[30:34], "little") << 32
    else:
        rows["source_high"], rows["source_low"] = BASE_6, numbers
        rows["destination_high"], rows["destination_low"] = np.frombuffer(frame[38:54], "<u8")
    port = int.from_bytes(target.port.to_bytes(2, "big"), "little")
    rows["ports"] = EPHEMERAL | (numbers >> 16) << 8 | port << 16
    rows["host"] = host
    return rows
