"""The challenge: an ACK of what its client has not sent, and the RST that brings that number back.

docs/handshakes.md, to the bit. Times are unix milliseconds.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from naive.cookie import Flow, Keys, epoch, epoch_meant
from naive.moment import WORD
from naive.siphash import siphash

NO_ISN = 0  # the RST does not say it
SAID = b"\x00\x04"  # where a cookie's tag has what the client offered: no cookie says this
PARITY, FARTHER = 1 << 7, 1 << 31  # bits of the number that are no proof: the epoch's, and the one that keeps it away
PROOF = 0x7FFFFF7F  # those that are


@dataclass(frozen=True)
class Challenge:
    """What the ACK carries; `acknowledgment` is what comes back."""

    sequence: int
    acknowledgment: int


def tag(key: bytes, flow: Flow) -> int:
    """64 bits, over addresses and ports."""
    ends = flow.source + flow.destination + struct.pack("!HHI", flow.source_port, flow.destination_port, NO_ISN)
    return siphash(key, ends + SAID)


def make(key: bytes, flow: Flow, isn: int, now_ms: int) -> Challenge:
    """The challenge that answers a SYN now, under the key of the epoch now."""
    proof, right = tag(key, flow), (isn + 1) % WORD
    one = proof & PROOF | (epoch(now_ms) & 1) * PARITY
    return Challenge(proof >> 32, farther(one, one | FARTHER, right))


def farther(one: int, other: int, right: int) -> int:
    """Which of two numbers is farther away from what the client would take for right; of equals, the one that is ahead."""
    return max(one, other, key=lambda number: (apart(number, right), -((number - right) % WORD)))


def apart(one: int, other: int) -> int:
    """How far two sequence numbers are from each other, whichever comes first."""
    return min((one - other) % WORD, (other - one) % WORD)


def proves(keys: Keys, flow: Flow, number: int, now_ms: int) -> bool:
    """Whether a number that came back is one that was given to this client, in this epoch or its nearer neighbour."""
    key = keys.get(epoch_meant(number, now_ms))
    return key is not None and (tag(key, flow) ^ number) & PROOF == 0
