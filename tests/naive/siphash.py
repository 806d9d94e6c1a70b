"""SipHash-2-4 with a 64-bit result, for messages of any length. Aumasson and Bernstein, 2012."""

from __future__ import annotations

MASK = (1 << 64) - 1


def rotate(word: int, by: int) -> int:
    """A 64-bit word turned left."""
    return (word << by | word >> 64 - by) & MASK


def sipround(v0: int, v1: int, v2: int, v3: int) -> tuple[int, int, int, int]:
    """One SipRound, in the order of the paper's figure 2.1."""
    v0 = (v0 + v1) & MASK
    v2 = (v2 + v3) & MASK
    v1 = rotate(v1, 13) ^ v0
    v3 = rotate(v3, 16) ^ v2
    v0 = rotate(v0, 32)
    v2 = (v2 + v1) & MASK
    v0 = (v0 + v3) & MASK
    v1 = rotate(v1, 17) ^ v2
    v3 = rotate(v3, 21) ^ v0
    v2 = rotate(v2, 32)
    return v0, v1, v2, v3


def siphash(key: bytes, message: bytes) -> int:
    """The 64-bit tag of a message under a 16-byte key. ValueError for a key of another length."""
    if len(key) != 16:
        raise ValueError(f"a SipHash key has 16 bytes, this one {len(key)}")
    k0, k1 = int.from_bytes(key[:8], "little"), int.from_bytes(key[8:], "little")
    state = (k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D, k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573)

    # The last word is what is left of the message, zeros, and in its top byte the length modulo 256.
    padded = message + bytes(7 - len(message) % 8) + bytes([len(message) % 256])
    for at in range(0, len(padded), 8):
        word = int.from_bytes(padded[at : at + 8], "little")
        v0, v1, v2, v3 = state
        state = v0, v1, v2, v3 ^ word
        state = sipround(*state)
        state = sipround(*state)
        v0, v1, v2, v3 = state
        state = v0 ^ word, v1, v2, v3

    v0, v1, v2, v3 = state
    state = v0, v1, v2 ^ 0xFF, v3
    for _ in range(4):
        state = sipround(*state)
    v0, v1, v2, v3 = state
    return v0 ^ v1 ^ v2 ^ v3
