"""Which bits of each register can be set, before each instruction of finished eBPF. What is not understood may have all."""

from __future__ import annotations

from hardtack.compiler.bytecode import ALU, ALU64, CALL, JUMP, LOAD, LOAD_IMMEDIATE, STORE, Instruction, ways

ALL, LOW = 0xFFFF_FFFF_FFFF_FFFF, 0xFFFF_FFFF
REGISTERS = 11
WIDTHS = {0x61: 32, 0x69: 16, 0x71: 8}  # of plain loads: BPF_MEM | BPF_LDX, of a word, half a word, a byte
ATOMIC = 0xC0  # mode of a store that may also read
FROM_REGISTER = 0x08  # BPF_X

Bits = tuple[int, ...]  # of each register, those that can be set


def possible_bits(code: list[Instruction], filled: set[int]) -> dict[int, Bits]:
    """By instruction; those that cannot be reached are left out. `filled`: whose immediate only the loader knows."""
    before: dict[int, Bits] = {0: (ALL,) * REGISTERS}
    waiting = [0]
    while waiting:
        index = waiting.pop()
        after = behind(code, index, before[index], index in filled)
        for way in ways(code, index):
            known = before.get(way, (0,) * REGISTERS)
            both = tuple(one | other for one, other in zip(known, after, strict=True))
            if way not in before or both != known:
                before[way] = both
                waiting.append(way)
    return before


def behind(code: list[Instruction], index: int, bits: Bits, filled: bool) -> Bits:
    """The same behind an instruction."""
    here, found = code[index], list(bits)
    if here.opcode == LOAD_IMMEDIATE:
        number = (here.immediate & LOW) | (code[index + 1].immediate & LOW) << 32
        found[here.target] = ALL if filled or here.source else number
    elif here.kind in (ALU, ALU64):
        found[here.target] = computed(here, bits)
    elif here.kind == LOAD:
        found[here.target] = (1 << WIDTHS[here.opcode]) - 1 if here.opcode in WIDTHS else ALL
    elif here.kind == STORE and here.opcode & 0xE0 == ATOMIC:
        found[0] = found[here.source] = ALL
    elif here.kind == JUMP and here.operation == CALL:
        found[:6] = [ALL] * 6
    return tuple(found)


def computed(here: Instruction, bits: Bits) -> int:
    """What arithmetic can give."""
    whole = ALL if here.kind == ALU64 else LOW
    by_register = here.opcode & FROM_REGISTER
    one, other = bits[here.target] & whole, (bits[here.source] if by_register else here.immediate) & whole
    match here.operation:
        case _ if here.offset:  # signed
            found = ALL
        case 0xD0:  # BPF_END: the other byte order, of so many bits
            return (1 << here.immediate) - 1
        case 0xB0:  # BPF_MOV
            found = other
        case 0x50:  # BPF_AND
            found = one & other
        case 0x40 | 0xA0:  # BPF_OR, BPF_XOR
            found = one | other
        case 0x60 if not by_register:  # BPF_LSH
            found = one << other
        case 0x70 if not by_register:  # BPF_RSH
            found = one >> other
        case 0x00 if one & other:  # BPF_ADD, with carries
            found = upward_of(one | other, one + other)
        case 0x00:
            found = one | other
        case 0x20:  # BPF_MUL
            found = upward_of(one * other, one * other)
        case 0x30 | 0x90:  # BPF_DIV, BPF_MOD
            found = upward_of(1, one)
        case _:
            found = ALL
    return found & whole


def upward_of(bits: int, most: int) -> int:
    """All bits from the lowest of `bits` to the highest that numbers up to `most` have."""
    return ((1 << most.bit_length()) - 1) & -(bits & -bits)
