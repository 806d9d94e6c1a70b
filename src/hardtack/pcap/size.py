"""How long an expression's eBPF becomes, at most. LLVM ends the process when a jump is too long: it never comes to that."""

from __future__ import annotations

from hardtack.pcap import classic, loads
from hardtack.pcap.classic import Instruction
from hardtack.pcap.libpcap import Expression
from hardtack.pcap.reading import first_of

MOST = 32_000  # instructions: jumps have 16 bits
FRAME = 300  # what is around the expressions
# In both bodies together, and a quarter more than was ever seen: tests/pcap/ holds every program that it makes against this.
JUMP, RETURN, PLAIN, SHIFT = 5, 4, 5, 14
SURE, COPIED, FETCHED, INDEXED, BYTE = 7, 36, 44, 54, 44


def estimate(expression: Expression) -> int:
    """Both bodies together."""
    first = first_of(expression)
    return 14 + sum(cost(here, first) for here in expression.code)


def cost(here: Instruction, first: int) -> int:
    """One instruction; `first` as in loads.Quick."""
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
        return INDEXED + (BYTE * (here.size + 1) if here.k < first else 0)
    end = here.k + here.size
    if here.k < first < end:
        return SURE * here.size
    return SURE if end <= loads.SURE else COPIED if end <= loads.COPIED else FETCHED
