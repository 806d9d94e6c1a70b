"""Clients whose ACK found a full accept queue are asked for it again, as the kernel does for requests of its own.

They are asked by a keep-alive: a segment from before the window, which every TCP answers with an ACK (RFC 9293 3.8.4,
3.10.7.4). Its numbers are those of the ACK that was dropped, and so the cookie comes again. The program notes who may be
concerned; only where the kernel says that queues were full is anybody asked.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from hardtack.agent.locals import MAPPED
from hardtack.diagnosis.overflows import NETSTAT, overflows

TIMES = (1, 2, 4, 8, 16)  # s behind each other: as SYN-ACKs are repeated, with tcp_synack_retries at 5
MOST = 4096  # who are asked at a time
LATE = 2  # looks that an overflow concerns: it may come a moment after the note
ACK, TCP = 0x10, 6
STAMPS = b"\x01\x01\x08\x0a"  # NOP, NOP, timestamps
NUMBERS = struct.Struct("=4sII4s4sI")  # Waiting of packet/layout.py


class Entries(Protocol):
    """The table `waiting`."""

    def keys(self) -> Iterator[bytes]:
        """Who is noted."""

    def lookup(self, key: bytes) -> bytes | None:
        """What their ACK said."""

    def delete(self, key: bytes) -> bool:
        """Take one out."""


@dataclass
class Asked:
    """One who is asked again: how often he was, and looks until the next time."""

    numbers: bytes
    times: int = 0
    wait: int = 0


class Waiting:
    """Asks, from look to look, a second or so apart. To be made with CAP_NET_RAW; without, nobody is asked."""

    def __init__(self, table: Entries) -> None:
        self._table = table
        self._asked: dict[bytes, Asked] = {}
        self._overflows, self._concerned = counted(), 0
        self._sockets: dict[int, socket.socket] = {}
        with suppress(OSError):
            for family in (socket.AF_INET, socket.AF_INET6):
                self._sockets[family] = socket.socket(family, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.IPPROTO_RAW)

    def write(self) -> None:
        """Take in who is noted, if queues were full; ask those whose time has come."""
        before, self._overflows = self._overflows, counted()
        self._concerned = LATE if self._overflows != before else max(0, self._concerned - 1)
        for key in list(self._table.keys()):
            numbers = self._table.lookup(key)
            self._table.delete(key)
            if not numbers or NUMBERS.unpack(numbers)[-1]:  # who has said something says it again by himself
                self._asked.pop(key, None)
            elif self._concerned and len(self._asked) < MOST:
                self._asked[key] = Asked(numbers)
        for key, one in list(self._asked.items()):
            if one.wait:
                one.wait -= 1
                continue
            self._ask(key, one.numbers)
            one.times, one.wait = one.times + 1, TIMES[one.times] - 1
            if one.times == len(TIMES):
                del self._asked[key]

    def _ask(self, key: bytes, numbers: bytes) -> None:
        """OSError: no route, a firewall of ours; then not."""
        family = socket.AF_INET if key.startswith(MAPPED) else socket.AF_INET6
        client = key[12:16] if family == socket.AF_INET else key[:16]
        if sender := self._sockets.get(family):
            where = (socket.inet_ntop(family, client), 0)
            with suppress(OSError):
                sender.sendto(keep_alive(key, numbers), where)


def keep_alive(key: bytes, numbers: bytes) -> bytes:
    """The whole packet, from the host: one before what its client awaits, and nothing in it."""
    client, host, ports = key[:16], key[16:32], key[32:36]
    sequence, acknowledgment, stamped, tsval, tsecr, _ = NUMBERS.unpack(numbers)
    options: bytes = STAMPS + tsecr + tsval if stamped else b""
    expected = (socket.ntohl(acknowledgment) - 1) & 0xFFFFFFFF
    head: bytes = ports[2:] + ports[:2] + struct.pack(">I", expected) + sequence
    segment = head + struct.pack(">BBHHH", (20 + len(options)) << 2, ACK, 0xFFFF, 0, 0) + options
    old = key.startswith(MAPPED)
    if old:
        client, host = client[12:], host[12:]
    checksum = summed(host + client + struct.pack(">II", len(segment), TCP) + segment)
    segment = segment[:16] + struct.pack(">H", checksum) + segment[18:]
    if old:  # the kernel adds total length, checksum and identification: raw(7)
        header = struct.pack(">BBHHHBBH", 0x45, 0, 0, 0, 0x4000, 64, TCP, 0)
    else:
        header = struct.pack(">IHBB", 6 << 28, len(segment), TCP, 64)
    return header + host + client + segment


def summed(data: bytes) -> int:
    """The internet checksum: RFC 1071."""
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def counted() -> int:
    """Accept queues that were full so far, in this thread's network namespace."""
    return overflows(NETSTAT.read_text(encoding="ascii"))
