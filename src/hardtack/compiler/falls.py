"""Loops that are closed by falling into their first instruction: there they get a jump, which older kernels want.

Before Linux 6.8 check_cfg() (kernel/bpf/verifier.c) lets only jumps lead back ("back-edge from insn 7 to 8"), and LLVM may
put a loop's body before its head. A `goto +0` between them is a jump. It costs the verifier one instruction a turn and the
CPU nothing: the kernel takes it out (opt_remove_nops).
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from dataclasses import replace

from hardtack.image import Image

INSTRUCTION = struct.Struct("<BBhi")  # opcode, registers, offset, immediate
GOTO = INSTRUCTION.pack(0x05, 0, 0, 0)  # BPF_JMP | BPF_JA, to the next one
JUMP_CLASSES = (5, 6)  # BPF_JMP, BPF_JMP32
GO, CALL, EXIT = 0x00, 0x80, 0x90  # BPF_JA, BPF_CALL, BPF_EXIT
LOAD_IMMEDIATE = 0x18  # takes the room of two

Walked = list[tuple[int, int, int, int]]


def mended(image: Image) -> Image:
    """The image, with a jump wherever it would fall into an instruction that it came by."""
    code = [*INSTRUCTION.iter_unpack(image.instructions)]
    heads = sorted(head for _, head in falls(code))
    parts = []
    for index, (opcode, registers, offset, immediate) in enumerate(code):
        if index in heads:
            parts.append(GOTO)
        if is_jump(code, index):
            offset = moved(index + 1 + offset, heads) - moved(index, heads) - 1
        parts.append(INSTRUCTION.pack(opcode, registers, offset, immediate))
    return replace(
        image,
        instructions=b"".join(parts),
        references=tuple(replace(reference, index=moved(reference.index, heads)) for reference in image.references),
        lines=tuple(replace(line, index=moved(line.index, heads)) for line in image.lines),
    )


def moved(index: int, heads: list[int]) -> int:
    """Where an instruction is once each head has a jump before it. What leads to a head leads there as before."""
    return index + bisect_right(heads, index)


def falls(code: Walked) -> list[tuple[int, int]]:
    """Each instruction that is no jump and goes on with one that it came by, and that one. Walks as check_cfg() does."""
    found, seen = [], {0}
    path = {0: ways(code, 0)}  # the instructions that led here, each with the ways that are left to go from it
    while path:
        here = next(reversed(path))
        if not path[here]:
            del path[here]
            continue
        there = path[here].pop(0)
        if there in path and not is_jump(code, here):
            found.append((here, there))
        if there not in seen:
            seen.add(there)
            path[there] = ways(code, there)
    return found


def ways(code: Walked, index: int) -> list[int]:
    """The instructions that may come after this one, in the order in which the kernel looks at them."""
    opcode, _, offset, _ = code[index]
    if is_jump(code, index):
        return [index + 1 + offset] if opcode & 0xF0 == GO else [index + 1, index + 1 + offset]
    if opcode & 7 in JUMP_CLASSES and opcode & 0xF0 == EXIT:
        return []
    return [index + 2 if opcode == LOAD_IMMEDIATE else index + 1]


def is_jump(code: Walked, index: int) -> bool:
    """Whether it may lead elsewhere; the second half of a load and calls do not."""
    opcode = code[index][0]
    return opcode & 7 in JUMP_CLASSES and opcode & 0xF0 not in (CALL, EXIT)
