"""Source addresses that nobody can have on the internet."""

from __future__ import annotations

UNSPECIFIED, LOOPBACK = bytes(16), bytes(15) + b"\1"
MAPPED = bytes(10) + b"\xff\xff"


def is_martian(source: bytes, destination: bytes) -> bool:
    """RFC 1122 3.2.1.3, RFC 9293 3.9.2.3 (MUST-63), RFC 4291 2.5 and 2.7; and whoever calls himself what he calls."""
    if source == destination:
        return True
    if len(source) == 4:
        return source[0] in (0, 127) or source[0] >= 224
    if source in (UNSPECIFIED, LOOPBACK) or source.startswith(MAPPED):
        return True
    link_local = source[0] == 0xFE and source[1] >> 6 == 0b10
    return link_local or source[0] == 0xFF
