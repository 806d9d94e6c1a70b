"""Clients by the thousand, as arrays: all that a segment or a record says of one follows from its number.

So of every field of a record it can be said whose it is. Odd numbers speak IPv6. Hosts are `world.ROUTED` and `ROUTED6`.
"""

from __future__ import annotations

from enum import Enum

import numpy as np
import numpy.typing as npt
from naive import world
from naive.frames import ACK, FIN, PSH, RST, SYN, IPv4, IPv6, Tcp, frame, packed
from naive.state import mapped

from hardtack.packet.layout import BY_COOKIE, Connection

Numbers = npt.NDArray[np.uint64]
Bytes = npt.NDArray[np.uint8]
PORT, HOSTS = 80, (4, 13)  # numbers of the hosts
LONGEST = 96  # bytes
NETWORK, ADDRESSES, TRANSPORT = 14, (26, 22), (34, 54)  # where in a frame, of IPv4 and of IPv6
IP_CHECKSUM, SEQ, ACK_NUMBER, SCALE = 24, 4, 8, 26  # the last three in the TCP header
OFFER = bytes.fromhex("020405b4030300") + b"\1"  # MSS, and a window scale that is each client's own
DATA = 10  # bytes
UNSCALED, OURS, MOST = 17, 24, 26  # Connection.reach


class Kind(Enum):
    """Segments of a client, as TCP has them: flags, options, data."""

    syn = SYN, OFFER, 0
    ack = ACK, b"", 0
    data = ACK | PSH, b"", DATA
    fin = ACK | FIN, b"", 0
    rst = RST, b"", 0


def template(kind: Kind, six: bool) -> bytes:
    """A segment of nobody's."""
    flags, options, data = kind.value
    tcp = Tcp(0, PORT, 0, 0, flags, 500, options, bytes(data))
    return frame(IPv6("2400::", world.ROUTED6), tcp) if six else frame(IPv4("1.0.0.0", world.ROUTED), tcp)


TEMPLATES = {(kind, six): np.frombuffer(template(kind, six), np.uint8) for kind in Kind for six in (False, True)}


def mixed(numbers: Numbers, salt: int) -> Numbers:
    """64 bits of each number that look random (the finaliser of MurmurHash3, by Appleby)."""
    found = (numbers + np.uint64(salt)) * np.uint64(0x9E3779B97F4A7C15)
    found = (found ^ (found >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    found = (found ^ (found >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return found ^ (found >> np.uint64(33))


def is_six(numbers: Numbers) -> npt.NDArray[np.bool_]:
    """Which of them speak IPv6."""
    found: npt.NDArray[np.bool_] = numbers & np.uint64(1) == 1
    return found


def addresses(numbers: Numbers) -> Bytes:
    """16 bytes each, IPv4 addresses mapped; every other one in a /24 or /48 of its own."""
    found = np.zeros((len(numbers), 16), np.uint8)
    found[:, 8:] = big(mixed(numbers, 2), "u8")
    found[:, :8] = big(mixed(numbers, 1), "u8")
    found[:, :2] = 0x24, 0x00
    four = ~is_six(numbers)
    found[four, :12], found[four, 12] = np.frombuffer(mapped(bytes(4))[:12], np.uint8), 1
    return found


def ports(numbers: Numbers) -> Numbers:
    """Their ports."""
    return mixed(numbers, 3) % np.uint64(60_000) + np.uint64(1024)


def isns(numbers: Numbers) -> npt.NDArray[np.uint32]:
    """The sequence numbers of their SYNs."""
    return mixed(numbers, 4).astype(np.uint32)


def scales(numbers: Numbers) -> Bytes:
    """The window scales that they offer."""
    return (mixed(numbers, 5) % np.uint64(15)).astype(np.uint8)


def big(values: npt.NDArray[np.integer], kind: str) -> Bytes:
    """Each in network order."""
    return values.astype(f">{kind}").view(np.uint8).reshape(-1, np.dtype(kind).itemsize)


def segments(kind: Kind, numbers: Numbers, ahead: int, acks: npt.NDArray[np.uint32]) -> tuple[Bytes, npt.NDArray[np.uint32]]:
    """Frames, one in a row, and their lengths; `ahead` of their SYNs' numbers."""
    rows, sizes = np.zeros((len(numbers), LONGEST), np.uint8), np.zeros(len(numbers), np.uint32)
    named, sequences = addresses(numbers), isns(numbers) + np.uint32(ahead)
    for six in (False, True):
        mine = np.flatnonzero(is_six(numbers) == six)
        form, at, tcp = TEMPLATES[kind, six], ADDRESSES[six], TRANSPORT[six]
        made = np.tile(form, (len(mine), 1))
        made[:, at : at + (16 if six else 4)] = named[mine] if six else named[mine, 12:]
        made[:, tcp : tcp + 2] = big(ports(numbers[mine]), "u2")
        made[:, tcp + SEQ : tcp + SEQ + 4] = big(sequences[mine], "u4")
        made[:, tcp + ACK_NUMBER : tcp + ACK_NUMBER + 4] = big(acks[mine], "u4")
        if kind == Kind.syn:
            made[:, tcp + SCALE] = scales(numbers[mine])
        if not six:
            made[:, IP_CHECKSUM : IP_CHECKSUM + 2] = 0
            made[:, IP_CHECKSUM : IP_CHECKSUM + 2] = checksums(made[:, NETWORK : NETWORK + 20])
        rows[mine, : len(form)], sizes[mine] = made, len(form)
    return rows, sizes


def checksums(headers: Bytes) -> Bytes:
    """RFC 1071, of each row."""
    total = np.ascontiguousarray(headers).view(">u2").astype(np.uint32).sum(axis=1)
    total = (total & np.uint32(0xFFFF)) + (total >> np.uint32(16))
    total = (total & np.uint32(0xFFFF)) + (total >> np.uint32(16))
    return big(np.uint32(0xFFFF) - total, "u2")


def records(numbers: Numbers, cookies: npt.NDArray[np.uint32]) -> npt.NDArray[np.void]:
    """What the table has of each as soon as its cookie came back, as far as it does not change later."""
    rows = np.zeros(len(numbers), Connection)
    source = np.ascontiguousarray(addresses(numbers)).view(np.uint64).reshape(-1, 2)
    rows["source_high"], rows["source_low"] = source[:, 0], source[:, 1]
    to = [np.frombuffer(mapped(packed(one)), np.uint64) for one in (world.ROUTED, world.ROUTED6)]
    six = is_six(numbers).astype(np.intp)
    rows["destination_high"], rows["destination_low"] = np.array(to)[six].T
    both = np.concatenate([big(ports(numbers), "u2"), big(np.full(len(numbers), PORT), "u2")], axis=1)
    rows["ports"] = np.ascontiguousarray(both).view(np.uint32).reshape(-1)
    rows["host"], rows["origin"] = np.array(HOSTS)[six], BY_COOKIE
    rows["sent"], rows["reach"] = cookies + np.uint32(1), OURS
    rows["ack_reach"] = np.minimum(UNSCALED + scales(numbers), MOST)
    return rows
