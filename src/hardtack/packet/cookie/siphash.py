"""SipHash-2-4 (Aumasson and Bernstein, 2012), word by word: the state is four numbers that the caller hands on."""

from __future__ import annotations

from hardtack.compiler.language import inlined, u64


@inlined
def begin(low, high):
    """The state under a key of two words."""
    return (
        low ^ u64(0x736F6D6570736575),
        high ^ u64(0x646F72616E646F6D),
        low ^ u64(0x6C7967656E657261),
        high ^ u64(0x7465646279746573),
    )


@inlined
def rotate(word, bits):
    return (word << u64(bits)) | (word >> u64(64 - bits))


@inlined
def mix(a, b, c, d):
    """SipRound."""
    a += b
    c += d
    b = rotate(b, 13) ^ a
    d = rotate(d, 16) ^ c
    a = rotate(a, 32)
    a += d
    c += b
    d = rotate(d, 21) ^ a
    b = rotate(b, 17) ^ c
    return a, b, rotate(c, 32), d


@inlined
def absorb(a, b, c, d, word):
    """One word of the message: two rounds."""
    a, b, c, d = mix(a, b, c, d ^ word)
    a, b, c, d = mix(a, b, c, d)
    return a ^ word, b, c, d


@inlined
def finish(a, b, c, d):
    """The 64-bit hash, after the last word (whose top byte is the message's length)."""
    a, b, c, d = mix(a, b, c ^ u64(0xFF), d)
    a, b, c, d = mix(a, b, c, d)
    a, b, c, d = mix(a, b, c, d)
    a, b, c, d = mix(a, b, c, d)
    return (a ^ b) ^ (c ^ d)
