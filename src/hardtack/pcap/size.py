"""How long an expression's eBPF becomes, at most. LLVM ends the process when a jump is too long: it never comes to that."""

from __future__ import annotations

from collections.abc import Sequence

from hardtack.mistake import Mistake
from hardtack.pcap import classic, loads
from hardtack.pcap.classic import Instruction
from hardtack.pcap.libpcap import Expression
from hardtack.pcap.reading import first_of

MOST_EXPRESSIONS = 256
MOST = 32_000  # instructions: jumps have 16 bits
FRAME = 300  # what is around the expressions
# In both bodies together, and a quarter more than was ever seen: tests/pcap/ holds every program that it makes against this.
JUMP, RETURN, PLAIN, SHIFT = 5, 4, 5, 14
SURE, COPIED, FETCHED, INDEXED, BYTE = 7, 36, 44, 54, 44


class TooLarge(Mistake):
    """More than one program holds. `position` is that of the first expression that is too much, from 1."""

    status = 2

    def __init__(self, what: str, position: int) -> None:
        self.position = position
        super().__init__(what)


def require(expressions: Sequence[Expression]) -> None:
    """That one program holds all of them. TooLarge."""
    if len(expressions) > MOST_EXPRESSIONS:
        what = f"{len(expressions)} expressions are more than the limit of {MOST_EXPRESSIONS} for one program"
        raise TooLarge(f"{what}: join some with `or`", MOST_EXPRESSIONS + 1)
    total = FRAME
    for position, expression in enumerate(expressions, 1):
        total += estimate(expression)
        if total > MOST:
            what = f"expression {position} makes the program longer than eBPF's jumps reach: write fewer or shorter ones"
            raise TooLarge(what, position)


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
