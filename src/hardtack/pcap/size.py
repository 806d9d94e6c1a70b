"""How long an expression's eBPF becomes, at most. LLVM ends the process when a jump is too long: it never comes to that."""

from __future__ import annotations

from hardtack.pcap import classic, ebpf
from hardtack.pcap.classic import Instruction
from hardtack.pcap.libpcap import Expression

MOST = 30_000  # instructions: jumps have 16 bits
FRAME = 300  # what is around the expressions
# In both bodies together, and a third more than was ever seen (tests/pcap/test_rule_programs.py).
JUMP, RETURN, PLAIN, SHIFT = 8, 6, 8, 24
SURE, COPIED, FETCHED, INDEXED, BYTE = 14, 34, 36, 52, 48


def estimate(expression: Expression) -> int:
    """Both bodies together."""
    first = ebpf.first_of(expression)
    return 16 + sum(cost(here, first) for here in expression.code)


def cost(here: Instruction, first: int) -> int:
    """One instruction; `first` as in ebpf.Quick."""
    if here.reads_frame:
        return load(here, first)
    if here.kind == classic.JUMP:
        return JUMP
    if here.kind == classic.RETURN:
        return RETURN
    return SHIFT if here.kind == classic.ALU and here.operation in (classic.LEFT, classic.RIGHT) else PLAIN


def load(here: Instruction, first: int) -> int:
    """A load from the frame."""
    if here.mode == classic.INDEXED:
        return INDEXED + (2 * BYTE * here.size if here.k < first else 0)
    end = here.k + here.size
    if here.k < first < end:
        return SURE * here.size
    return SURE if end <= ebpf.SURE else COPIED if end <= ebpf.COPIED else FETCHED
