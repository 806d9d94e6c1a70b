"""Bytes for people, as tcpdump -XX has them."""

from __future__ import annotations

from collections.abc import Iterator

ROW = 16  # bytes in a line


def hexdump(content: bytes) -> Iterator[str]:
    """`0x0000:  0200 0000 0001 ...  ........`"""
    for start in range(0, len(content), ROW):
        row = content[start : start + ROW]
        pairs = " ".join(row[at : at + 2].hex() for at in range(0, len(row), 2))
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in row)
        yield f"0x{start:04x}:  {pairs:<39}  {text}"
