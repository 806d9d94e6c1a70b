"""The cookie that a client would bring, made by the process itself for a connection of its own: docs/cookie.md."""

from __future__ import annotations

import struct
from collections.abc import Collection
from dataclasses import dataclass, field

from hardtack.kernel.tcp import Speech
from hardtack.keys import EPOCH, epoch_key

LOW_64 = (1 << 64) - 1
CONSTANTS = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
SCALE, NO_SCALE = 7, 15  # of the process's windows; none offered
FOUR = {4: 3, 6: 2}  # IP version -> which four of MSS values has the usual one as its first: 1460, 1440
CLOCK = 0x3FFFFF00  # of a TSval: what is the clock's, the bits of the MSS being 0


@dataclass(frozen=True)
class Flow:
    """A connection of this process: addresses are 4 or 16 bytes. `isn`: the sequence number of the SYN that is not sent."""

    source: bytes
    destination: bytes
    source_port: int
    destination_port: int
    isn: int

    @property
    def version(self) -> int:
        """IP's."""
        return 4 if len(self.source) == 4 else 6


@dataclass(frozen=True)
class Cookie:
    """The sequence number and the timestamp of the SYN-ACK that is not sent either. `tsval` None: without timestamps."""

    isn: int = field(repr=False)
    tsval: int | None = field(repr=False)


def cookie(master: bytes, flow: Flow, promised: Speech, offered: Collection[str], now_ms: int) -> Cookie:
    """Of a SYN that offers these options (of tcp.OPTIONS, but ECN), now (unix ms). `promised`: what the host takes."""
    taken = {*offered} & {*promised.options}
    epoch, stamped = now_ms // (1000 * EPOCH), "timestamps" in taken
    o = (SCALE if "window_scaling" in taken else NO_SCALE) | ("sack" in taken) << 4 | FOUR[flow.version] << 5
    message = flow.source + flow.destination + struct.pack(">HHI", flow.source_port, flow.destination_port, flow.isn)
    tag = siphash(epoch_key(master, epoch), message + bytes([o | stamped << 7, promised.scale << 4]))
    isn = tag & 0xFFFFFF00 | (epoch & 1) << 7 | o
    return Cookie(isn, now_ms & CLOCK | tag >> 32 & 0x7F if stamped else None)


def siphash(key: bytes, message: bytes) -> int:
    """SipHash-2-4. Aumasson and Bernstein, 2012."""
    first, second = struct.unpack("<QQ", key)
    state = [constant ^ half for constant, half in zip(CONSTANTS, (first, second) * 2, strict=True)]
    padded = message + bytes(7 - len(message) % 8) + bytes([len(message) & 0xFF])
    for (word,) in struct.iter_unpack("<Q", padded):
        state[3] ^= word
        state = rounds(state, 2)
        state[0] ^= word
    state[2] ^= 0xFF
    a, b, c, d = rounds(state, 4)
    return a ^ b ^ c ^ d


def rounds(state: list[int], times: int) -> list[int]:
    """So many SipRounds."""
    a, b, c, d = state
    for _ in range(times):
        a, c = a + b & LOW_64, c + d & LOW_64
        b, d = turned(b, 13) ^ a, turned(d, 16) ^ c
        a = turned(a, 32)
        c, a = c + b & LOW_64, a + d & LOW_64
        b, d = turned(b, 17) ^ c, turned(d, 21) ^ a
        c = turned(c, 32)
    return [a, b, c, d]


def turned(word: int, by: int) -> int:
    """Left."""
    return (word << by | word >> 64 - by) & LOW_64
