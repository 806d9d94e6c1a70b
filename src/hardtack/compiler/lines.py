"""Which Python line each instruction came from: LLVM writes it into .BTF.ext (Linux Documentation/bpf/btf.rst, 4.2)."""

from __future__ import annotations

import struct

from elftools.elf.elffile import ELFFile

from hardtack.compiler.errors import short
from hardtack.image import Line

INSTRUCTION = 8  # bytes


def lines_of(elf: ELFFile) -> tuple[Line, ...]:
    """The line table of the object's .text, in instruction order; empty if the object has none."""
    btf, ext = elf.get_section_by_name(".BTF"), elf.get_section_by_name(".BTF.ext")
    if btf is None or ext is None:
        return ()
    text = _strings(btf.data())
    data = ext.data()
    header, _, _, offset, length = struct.unpack_from("<5I", data, 4)
    at, end = header + offset, header + offset + length
    (size,) = struct.unpack_from("<I", data, at)
    at += 4
    lines = []
    while at < end:
        _, count = struct.unpack_from("<II", data, at)
        at += 8
        for _ in range(count):
            place, file, line, packed = struct.unpack_from("<4I", data, at)
            lines.append(Line(place // INSTRUCTION, short(text(file)), packed >> 10, packed & 0x3FF, text(line).strip()))
            at += size
    return tuple(lines)


def _strings(btf: bytes):  # type: ignore[no-untyped-def]
    header, _, _, offset, _ = struct.unpack_from("<5I", btf, 4)
    base = header + offset

    def text(at: int) -> str:
        return btf[base + at : btf.index(b"\0", base + at)].decode()

    return text
