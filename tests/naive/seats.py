"""The hash of a connection's name, one at a time: multilinear (Thorup 2015, 3.5), then MurmurHash3's mix."""

from __future__ import annotations

from collections.abc import Sequence

from naive.state import Name

WORD = (1 << 64) - 1
MIX = (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53)
MAPPED = bytes(10) + b"\xff\xff"


def hashed(name: Name, factors: Sequence[int]) -> int:
    """64 bits, of 32-bit words as they lie in memory; an IPv4 address is one. The host's address says which IP it is."""
    ports = name.client_port.to_bytes(2, "big") + name.host_port.to_bytes(2, "big")
    ends = name.client[12:] + name.host[12:] if name.host.startswith(MAPPED) else name.client + name.host
    data = ends + ports
    words = [int.from_bytes(data[at : at + 4], "little") for at in range(0, len(data), 4)]
    return mixed(factors[0] + sum(word * factor for word, factor in zip(words, factors[1:], strict=False)))


def mixed(total: int) -> int:
    """So that addresses in a row do not gather."""
    total &= WORD
    for factor in MIX:
        total = ((total ^ total >> 33) * factor) & WORD
    return total ^ total >> 33
