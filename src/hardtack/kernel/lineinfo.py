"""Python source lines for the kernel: a small BTF blob and line records, shown by the verifier and `bpftool ... linum`.

The only types are those of `int program(void *context)`. Documentation/bpf/btf.rst
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from hardtack.image import Image, Line
from hardtack.kernel.bpf import Command, address, buffer, call, object_name

LINE_SIZE = 16  # struct bpf_line_info: instruction, file name, text, line << 10 | column
FUNCTION_SIZE = 8  # struct bpf_func_info: instruction, type
LONGEST = 120  # characters of a line's text
INT, POINTER, PROTOTYPE, FUNCTION = 1, 2, 3, 4  # our type ids
CALL, LOAD = 0x85, 0x18  # opcodes; with source register field 1 and 4 they refer to a function within the program


@dataclass(frozen=True)
class Source:
    """What BPF_PROG_LOAD is told: a descriptor of BTF (0: none), and records of functions and lines."""

    types: int = 0
    functions: bytes = b""
    lines: bytes = b""

    def close(self) -> None:
        """Let go of the BTF; a loaded program keeps it."""
        if self.types:
            os.close(self.types)


class Strings:
    """BTF's string section: each string once, found by its offset; offset 0 is the empty one."""

    def __init__(self) -> None:
        self.data = bytearray(b"\0")
        self.offsets: dict[str, int] = {"": 0}

    def add(self, text: str) -> int:
        """The offset of `text`."""
        if text not in self.offsets:
            self.offsets[text] = len(self.data)
            self.data += text.replace("\0", "").encode() + b"\0"
        return self.offsets[text]


def load(image: Image) -> Source:
    """Give the kernel the lines of an image that has some. BpfError if it does not take them."""
    blob, lines = encode(image)
    content = buffer(blob)
    attr = buffer(struct.pack("=QQIIII", address(content), 0, len(blob), 0, 0, 0))
    types = call(Command.BTF_LOAD, attr, f"source lines of program {image.name}")
    functions = b"" if has_functions(image) else struct.pack("=II", 0, FUNCTION)
    return Source(types, functions, lines)


def encode(image: Image) -> tuple[bytes, bytes]:
    """The BTF blob and the line records of an image that has lines."""
    strings = Strings()
    types = prototype(strings, object_name(image.name).decode().replace(".", "_"))
    records = b"".join(
        struct.pack("=IIII", line.index, strings.add(line.file), strings.add(clean(line.text)), position(line))
        for line in usable(image)
    )
    header = struct.pack("=HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(types), len(types), len(strings.data))
    return header + types + bytes(strings.data), records


def prototype(strings: Strings, name: str) -> bytes:
    """The types of `int name(void *context)`; each record: name, kind << 24 | members, size or type, then the rest."""
    return b"".join(
        (
            struct.pack("=IIII", strings.add("int"), 1 << 24, 4, 1 << 24 | 32),  # BTF_KIND_INT: signed, 32 bits
            struct.pack("=III", 0, 2 << 24, 0),  # BTF_KIND_PTR, to void
            struct.pack("=IIIII", 0, 13 << 24 | 1, INT, strings.add("context"), POINTER),  # BTF_KIND_FUNC_PROTO
            struct.pack("=III", strings.add(name), 12 << 24, PROTOTYPE),  # BTF_KIND_FUNC, static
        )
    )


def has_functions(image: Image) -> bool:
    """Whether the program has functions within it: then the kernel wants to be told of all or of none."""
    code = image.instructions
    own = ((CALL, 1), (LOAD, 4))  # BPF_PSEUDO_CALL, BPF_PSEUDO_FUNC
    return any((code[at], code[at + 1] >> 4) in own for at in range(0, len(code), 8))


def usable(image: Image) -> Iterator[Line]:
    """The lines as the kernel wants them: in order, one an instruction, the first at 0, none inside a double load."""
    count = len(image.instructions) // 8
    by_index = {line.index: line for line in image.lines if line.index < count and not second_half(image, line.index)}
    for number, index in enumerate(sorted(by_index)):
        line = by_index[index]
        yield line if number else Line(0, line.file, line.line, line.column, line.text)


def second_half(image: Image, index: int) -> bool:
    """Whether the instruction is the tail of a 16-byte load: only these have opcode 0."""
    return image.instructions[index * 8] == 0


def clean(text: str) -> str:
    """One line of readable length."""
    return " ".join(text.split())[:LONGEST]


def position(line: Line) -> int:
    """Line and column in one word: 22 and 10 bits."""
    return min(line.line, (1 << 22) - 1) << 10 | min(max(line.column, 0), 1023)
