"""Finished eBPF, instruction by instruction: what there is of it to look at and to change. RFC 9669"""

from __future__ import annotations

import struct
from typing import NamedTuple

ENCODING = struct.Struct("<BBhi")
# Classes: BPF_LDX, BPF_ST, BPF_STX, the rest as they are called
LOAD, STORE_NUMBER, STORE, ALU, JUMP, JUMP32, ALU64 = 1, 2, 3, 4, 5, 6, 7
GO, CALL, EXIT = 0x00, 0x80, 0x90  # of JUMP: BPF_JA, BPF_CALL, BPF_EXIT
LOAD_IMMEDIATE = 0x18  # BPF_LD | BPF_IMM | BPF_DW: takes the room of two
FRAME = 10  # the register that points behind the stack


class Instruction(NamedTuple):
    """One of 8 bytes."""

    opcode: int
    registers: int
    offset: int
    immediate: int

    @property
    def kind(self) -> int:
        """Its class."""
        return self.opcode & 7

    @property
    def operation(self) -> int:
        """What a jump or arithmetic does."""
        return self.opcode & 0xF0

    @property
    def target(self) -> int:
        """The register that it writes."""
        return self.registers & 0xF

    @property
    def source(self) -> int:
        """The register that it reads besides."""
        return self.registers >> 4

    @property
    def jumps(self) -> bool:
        """Whether it may go on elsewhere than behind itself; a call comes back."""
        return self.kind in (JUMP, JUMP32) and self.operation not in (CALL, EXIT)

    @property
    def ends(self) -> bool:
        """Whether the program ends here."""
        return self.kind == JUMP and self.operation == EXIT


def disassemble(code: bytes) -> list[Instruction]:
    """All of it; of a load of two, the second half is one of its own."""
    return [Instruction(*fields) for fields in ENCODING.iter_unpack(code)]


def assemble(code: list[Instruction]) -> bytes:
    """The other way."""
    return b"".join(ENCODING.pack(*instruction) for instruction in code)


def ways(code: list[Instruction], index: int) -> list[int]:
    """Which may come after this one, in the order in which the kernel's check_cfg() looks at them."""
    here = code[index]
    if here.ends:
        return []
    if not here.jumps:
        return [index + 2 if here.opcode == LOAD_IMMEDIATE else index + 1]
    there = index + 1 + here.offset
    return [there] if here.kind == JUMP and here.operation == GO else [index + 1, there]
