"""Loops that are closed by falling into their first instruction: there they get a jump, which older kernels want.

Before Linux 6.8 check_cfg() (kernel/bpf/verifier.c) lets only jumps lead back ("back-edge from insn 7 to 8"), and LLVM may
put a loop's body before its head. A `goto +0` between them is a jump. It costs the verifier one instruction a turn and the
CPU nothing: the kernel takes it out (opt_remove_nops).
"""

from __future__ import annotations

from hardtack.compiler.bytecode import GO, JUMP, Instruction, disassemble, ways
from hardtack.compiler.insertion import inserted
from hardtack.image import Image

GOTO = Instruction(JUMP | GO, 0, 0, 0)  # to the next one


def mended(image: Image) -> Image:
    """The image, with a jump wherever it would fall into an instruction that it came by."""
    code = disassemble(image.instructions)
    return inserted(image, code, {head: GOTO for _, head in falls(code)})


def falls(code: list[Instruction]) -> list[tuple[int, int]]:
    """Each instruction that is no jump and goes on with one that it came by, and that one. Walks as check_cfg() does."""
    found, seen = [], {0}
    path = {0: ways(code, 0)}  # the instructions that led here, each with the ways that are left to go from it
    while path:
        here = next(reversed(path))
        if not path[here]:
            del path[here]
            continue
        there = path[here].pop(0)
        if there in path and not code[here].jumps:
            found.append((here, there))
        if there not in seen:
            seen.add(there)
            path[there] = ways(code, there)
    return found
