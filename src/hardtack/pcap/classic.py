"""Classic BPF: what libpcap's compiler makes of an expression, and which of it a packet program can have.

Source of the numbers: libpcap's pcap/bpf.h; of their meaning: bpf_filter() in bpf_filter.c.
"""

from __future__ import annotations

from typing import NamedTuple

LOAD, LOAD_INDEX, STORE, STORE_INDEX, ALU, JUMP, RETURN, MISC = range(8)  # classes
IMMEDIATE, ABSOLUTE, INDEXED, MEMORY, LENGTH, HEADER = 0x00, 0x20, 0x40, 0x60, 0x80, 0xA0  # modes of a load
SIZES = {0x00: 4, 0x08: 2, 0x10: 1}  # bytes
ADD, SUB, MUL, DIV, OR, AND, LEFT, RIGHT, NEG, MOD, XOR = range(0x00, 0xB0, 0x10)  # of ALU
ALWAYS, EQUAL, GREATER, GREATER_EQUAL, ANY_BIT = range(0x00, 0x50, 0x10)  # of JUMP
WITH_INDEX = 0x08  # the operand of ALU and JUMP is X, not k
RETURN_A = 0x10
TO_A = 0x80  # of MISC: X into A, not A into X
CELLS = 16  # BPF_MEMWORDS
EXTENSIONS = 1 << 31  # from here on, offsets of plain loads mean Linux's own (SKF_AD_OFF and below, linux/filter.h)
MOST_INSTRUCTIONS = 4096  # as the kernel's BPF_MAXINSNS


class Instruction(NamedTuple):
    """One instruction; `jt` and `jf` count from the next."""

    code: int
    jt: int
    jf: int
    k: int

    @property
    def kind(self) -> int:
        """Its class."""
        return self.code & 7

    @property
    def mode(self) -> int:
        """Of a load: from where."""
        return self.code & 0xE0

    @property
    def size(self) -> int:
        """Of a load: bytes."""
        return SIZES.get(self.code & 0x18, 0)

    @property
    def operation(self) -> int:
        """What ALU and JUMP do."""
        return self.code & 0xF0

    @property
    def with_index(self) -> bool:
        """Whether ALU and JUMP take X, not k."""
        return bool(self.code & WITH_INDEX)

    @property
    def reads_frame(self) -> bool:
        """Whether it is a load from the frame."""
        return self.kind in (LOAD, LOAD_INDEX) and self.mode in (ABSOLUTE, INDEXED, HEADER)

    def ways(self, at: int) -> tuple[int, ...]:
        """Which may come after this one, which stands at `at`."""
        if self.kind == RETURN:
            return ()
        if self.kind != JUMP:
            return (at + 1,)
        if self.operation == ALWAYS:
            return (at + 1 + self.k,)
        return (at + 1 + self.jt, at + 1 + self.jf)


Code = tuple[Instruction, ...]


def objection(code: Code) -> str:
    """Why a packet program cannot do what `code` does; empty if it can. `code` is what bpf_validate() takes."""
    if len(code) > MOST_INSTRUCTIONS:
        return f"it compiles to {len(code)} instructions; the limit is {MOST_INSTRUCTIONS}: split it into several"
    for here in code:
        if here.kind == JUMP and here.operation == ALWAYS and here.k >= EXTENSIONS:
            return "it would walk a chain of headers in a loop (protochain): name the protocol with `proto`"
        if here.kind == LOAD and here.mode == ABSOLUTE and here.k >= EXTENSIONS:
            return "it needs data of a live capture, or reads before the frame: use only the frame's own bytes"
    return ""


def reached(code: Code) -> list[int]:
    """The places that can be come to, in order."""
    seen = {0}
    for at, here in enumerate(code):
        if at in seen:
            seen.update(here.ways(at))
    return sorted(seen)
