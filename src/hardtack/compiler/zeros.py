"""A 0 that is kept on the stack becomes a number that the verifier does not know to be 0.

Before Linux 6.8 the verifier takes a place on the stack that holds 0 for unlike any that holds another number, and a 0 put
there for one that matters (check_stack_write_fixed_off() in kernel/bpf/verifier.c, STACK_ZERO). A variable that may be 0, an
option that a segment may lack, then doubles all that there is to walk behind it: for the front, beyond the million of
instructions. The lowest bit of the frame pointer is 0, too; of that the verifier only knows that it is 0 or 1. It costs one
instruction more. A null pointer must stay one: a 0 that may be where an address is read from. So must what a loop counts
up from, or the verifier would not see it end.
"""

from __future__ import annotations

from heapq import heappop, heappush

from hardtack.compiler.bytecode import (
    ALU,
    ALU64,
    CALL,
    FRAME,
    JUMP,
    LOAD,
    LOAD_IMMEDIATE,
    STORE,
    STORE_NUMBER,
    Instruction,
    disassemble,
    ways,
)
from hardtack.compiler.insertion import inserted
from hardtack.image import Image

Makers = frozenset[int]  # instructions that have set a 0, or have added a number
Held = dict[int, Makers]  # those whose result may be here still: by register, and by offset on the stack, which is negative

SETS = (0xB7, 0xB4)  # BPF_MOV of a number: BPF_ALU64 and BPF_ALU
ADDS = (0x07, 0x04)  # BPF_ADD of a number, likewise
COPY, SPILL, FILL = 0xBF, 0x7B, 0x79  # a register into another, to memory, from it: all 64 bits
TAKE, LOWEST = 0xBC, 0x54  # BPF_ALU: BPF_MOV of a register; BPF_AND of a number
NONE: Makers = frozenset()


def mended(image: Image) -> Image:
    """The image, with unknown zeros for those that come to lie on the stack."""
    code = disassemble(image.instructions)
    extra = {}
    for index in kept(code):
        target = code[index].target
        code[index] = Instruction(TAKE, FRAME << 4 | target, 0, 0)
        extra[index + 1] = Instruction(LOWEST, target, 0, 1)
    return inserted(image, code, extra)


def kept(code: list[Instruction]) -> set[int]:
    """The instructions that set a 0 which may be put on the stack, as a number that no loop counts up."""
    spilled, others = set[int](), set[int]()
    for index, held in followed(code).items():
        here = code[index]
        if here.opcode == SPILL and here.target == FRAME:
            spilled |= held.get(here.source, NONE)
        if here.kind == LOAD:
            others |= held.get(here.source, NONE)
        if here.kind in (STORE, STORE_NUMBER):
            others |= held.get(here.target, NONE)
        if here.opcode in ADDS and index in held.get(here.target, NONE):  # to its own result, too
            others |= held[here.target]
    return {index for index in spilled - others if code[index].opcode in SETS}


def followed(code: list[Instruction]) -> dict[int, Held]:
    """What may be where before each instruction that can be reached."""
    before: dict[int, Held] = {0: {}}
    waiting = [0]
    while waiting:
        index = heappop(waiting)  # what comes first has most to say
        after = behind(code[index], index, before[index])
        for way in ways(code, index):
            known = before.get(way)
            both = after if known is None else joined(known, after)
            if both != known:
                before[way] = both
                if way not in waiting:
                    heappush(waiting, way)
    return before


def behind(here: Instruction, index: int, held: Held) -> Held:
    """The same behind an instruction."""
    if here.opcode in SETS:
        return put(held, here.target, NONE if here.immediate else frozenset([index]))
    if here.opcode in ADDS:
        return put(held, here.target, frozenset([index]))
    if here.opcode == COPY:
        return put(held, here.target, held.get(here.source, NONE))
    if here.opcode == FILL and here.source == FRAME:
        return put(held, here.target, held.get(here.offset, NONE))
    if here.opcode == SPILL and here.target == FRAME:
        return put(held, here.offset, held.get(here.source, NONE))
    if here.kind in (ALU, ALU64, LOAD) or here.opcode == LOAD_IMMEDIATE:
        return put(held, here.target, NONE)
    if here.kind == JUMP and here.operation == CALL:
        return {place: makers for place, makers in held.items() if place not in range(6)}
    return held


def put(held: Held, place: int, makers: Makers) -> Held:
    """The same with the result of one of these at a place."""
    if held.get(place, NONE) == makers:
        return held
    changed = {**held, place: makers}
    if not makers:
        del changed[place]
    return changed


def joined(one: Held, other: Held) -> Held:
    """What may be by either way."""
    if one == other:
        return one
    return {place: one.get(place, NONE) | other.get(place, NONE) for place in one.keys() | other.keys()}
