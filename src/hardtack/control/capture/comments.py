"""The comments of packets in a pcapng file, which libpcap does not read."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from hardtack.control.capture.pcapng import BYTE_ORDER, COMMENT, PACKET, SECTION

SIMPLE, OBSOLETE = 3, 2  # block types: Simple Packet, Packet
MOST = 1 << 24  # bytes of a block


def comments(path: Path) -> Iterator[str]:
    """That of each packet, "" if it has none; nothing where the file is no pcapng, or ends in a block."""
    with path.open("rb") as file:
        order = "<"
        while len(head := file.read(8)) == 8:
            kind, size = struct.unpack(f"{order}II", head)
            if kind == SECTION:
                magic = file.read(4)
                order = "<" if magic == struct.pack("<I", BYTE_ORDER) else ">"
                size = struct.unpack(f"{order}I", head[4:])[0]
                head += magic
            if not 12 <= size <= MOST:
                return
            body = file.read(size - len(head))
            if kind in (PACKET, SIMPLE, OBSOLETE):
                yield comment(body, order) if kind == PACKET else ""


def comment(body: bytes, order: str) -> str:
    """That of an Enhanced Packet Block, whose body ends with its length once more."""
    captured = struct.unpack_from(f"{order}I", body, 12)[0] if len(body) >= 20 else 0
    place = 20 + (captured + 3 & ~3)
    while place + 4 <= len(body) - 4:
        code, size = struct.unpack_from(f"{order}HH", body, place)
        if code == 0:
            break
        if code == COMMENT:
            return body[place + 4 : place + 4 + size].decode("utf-8", "replace")
        place += 4 + (size + 3 & ~3)
    return ""
