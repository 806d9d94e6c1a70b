"""The internet checksum: in full (RFC 1071) and brought up to date (RFC 1624)."""

from __future__ import annotations


def ones_sum(data: bytes) -> int:
    """One's complement sum of 16-bit big-endian words; an odd byte at the end counts as a word with a zero after it."""
    if len(data) % 2:
        data = data + b"\0"
    total = 0
    for at in range(0, len(data), 2):
        total += data[at] << 8 | data[at + 1]
        if total > 0xFFFF:
            total -= 0xFFFF  # the end-around carry: drop bit 16, add 1
    return total


def checksum(data: bytes) -> int:
    """The checksum of data whose checksum field is zero."""
    return ones_sum(data) ^ 0xFFFF


def holds(data: bytes) -> bool:
    """Whether data that includes its checksum is intact: all words add up to -0."""
    return ones_sum(data) == 0xFFFF


def update(old: int, before: bytes, after: bytes) -> int:
    """The checksum `old` after the words `before` became `after`: RFC 1624 equation 3, HC' = ~(~HC + ~m + m')."""
    if len(before) != len(after) or len(before) % 2:
        raise ValueError(f"whole words, as many as before: got {len(before)} and {len(after)} bytes")
    inverted = bytes(byte ^ 0xFF for byte in before)
    return checksum((old ^ 0xFFFF).to_bytes(2, "big") + inverted + after)
