"""Instructions written by hand, for programs of a few: to find out what a kernel takes. RFC 9669"""

from __future__ import annotations

import struct

# Opcodes, as far as hand-written programs have needed them.
MOV, MOV_REGISTER, ADD = 0xB7, 0xBF, 0x07
LOAD_BYTE, LOAD_WORD, STORE_WORD, STORE_LONG = 0x71, 0x61, 0x63, 0x7B
LOAD_LONG_IMMEDIATE = 0x18
JUMP, JUMP_EQUAL = 0x05, 0x15
CALL, EXIT = 0x85, 0x95
FRAME = 10  # the register that points to the stack's end


def op(code: int, target: int = 0, source: int = 0, offset: int = 0, value: int = 0) -> bytes:
    """One instruction of 8 bytes: what, into which register, from which register, jump or memory offset, immediate."""
    return struct.pack("=BBhi", code, source << 4 | target, offset, value)


def op_map(target: int, offset: int = 0) -> bytes:
    """A load of a table's address, two instructions long; a Reference to the first of them names the table."""
    return op(LOAD_LONG_IMMEDIATE, target) + op(0, value=offset)


def returning(value: int) -> bytes:
    """A whole program that gives this verdict to everything."""
    return op(MOV, 0, value=value) + op(EXIT)
