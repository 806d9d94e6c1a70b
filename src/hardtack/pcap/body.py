"""Classic BPF -> LLVM IR. Expressions are tried in order; where and how the frame is read, `Loads` says.

The meaning is bpf_filter()'s (libpcap, bpf_filter.c): a load beyond the frame is no match, nor is a division by 0; shifts
by 32 and more give 0; A, X and the cells begin as 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from hardtack.pcap import classic
from hardtack.pcap.classic import Code, Instruction
from hardtack.pcap.libpcap import Expression
from hardtack.pcap.writer import Writer

ARITHMETIC = {
    classic.ADD: "add",
    classic.SUB: "sub",
    classic.MUL: "mul",
    classic.DIV: "udiv",
    classic.MOD: "urem",
    classic.OR: "or",
    classic.AND: "and",
    classic.XOR: "xor",
    classic.LEFT: "shl",
    classic.RIGHT: "lshr",
}
TESTS = {classic.EQUAL: "eq", classic.GREATER: "ugt", classic.GREATER_EQUAL: "uge"}


Ways = list[tuple[str, str]]


class Loads(Protocol):
    """How one expression reads the frame. Values are i32; what is beyond the frame leads to `no`."""

    def begin(self, writer: Writer) -> None:
        """Before the first instruction."""

    def finish(self, writer: Writer, no: str) -> None:
        """Behind the last instruction, whose block has ended: other blocks that the loads have led to."""

    def length(self, writer: Writer) -> str:
        """The frame's whole length on the wire."""

    def constant(self, writer: Writer, place: int, size: int, no: str) -> str:
        """`size` bytes at `place`, in network order."""

    def indexed(self, writer: Writer, index: str, place: int, size: int, no: str) -> str:
        """The same at `place` + `index`, added up without wrapping."""


def matching(writer: Writer, expressions: Sequence[Expression], loads: Callable[[Expression], Loads], found: str) -> Ways:
    """Code that tries one expression after another, from where the writer is; all of it leads to the block `found`.

    Gives (position, block it comes from) for each way there: positions from 1, in the expressions' order; 0 for none.
    """
    ways = []
    for position, expression in enumerate(expressions, 1):
        no, yes = writer.name(), writer.name()
        _Translation(writer, expression, loads(expression), yes, no).write()
        ways.append((str(position), writer.block(yes)))
        writer.go(found)
        writer.block(no)
    last = writer.name()
    writer.go(last)
    ways.append(("0", writer.block(last)))
    writer.go(found)
    return ways


class _Translation:
    """One expression. A, X and cells are variables on the stack, which LLVM makes registers of."""

    def __init__(self, writer: Writer, expression: Expression, loads: Loads, yes: str, no: str) -> None:
        self.writer, self.code, self.loads, self.yes, self.no = writer, expression.code, loads, yes, no
        self.a, self.x = writer.variable(), writer.variable()
        self.cells = {cell: writer.variable() for cell in sorted(cells_of(self.code))}
        self.reached = classic.reached(self.code)
        self.blocks = {way: writer.name() for at in self.reached for way in self.jumps(at)}
        self.known: dict[str, str] = {}  # what a variable holds, as far as this block has told

    def write(self) -> None:
        """All of it."""
        self.loads.begin(self.writer)
        for variable in (self.a, self.x, *self.cells.values()):
            self.set(variable, "0")
        for at in self.reached:
            if at in self.blocks:
                self.writer.block(self.blocks[at])
                self.known.clear()
            self.step(at, self.code[at])
        self.loads.finish(self.writer, self.no)

    def step(self, at: int, here: Instruction) -> None:
        """One instruction, and where it leads."""
        if here.kind == classic.RETURN:
            self.answer(here)
            return
        if here.kind == classic.JUMP:
            self.jump(at, here)
            return
        if here.kind in (classic.LOAD, classic.LOAD_INDEX):
            self.set(self.a if here.kind == classic.LOAD else self.x, self.loaded(here))
        elif here.kind == classic.ALU:
            self.set(self.a, self.computed(here))
        elif here.kind in (classic.STORE, classic.STORE_INDEX):
            self.set(self.cells[here.k], self.get(self.a if here.kind == classic.STORE else self.x))
        elif here.code & classic.TO_A:
            self.set(self.a, self.get(self.x))
        else:
            self.set(self.x, self.get(self.a))
        if at + 1 in self.blocks:
            self.writer.go(self.blocks[at + 1])

    def jumps(self, at: int) -> tuple[int, ...]:
        """Where an instruction jumps to, if it is a jump."""
        return self.code[at].ways(at) if self.code[at].kind == classic.JUMP else ()

    def get(self, variable: str) -> str:
        """A variable's value."""
        if variable not in self.known:
            self.known[variable] = self.writer.let(f"load i32, ptr {variable}, align 4")
        return self.known[variable]

    def set(self, variable: str, value: str) -> None:
        """Give it one."""
        self.known[variable] = value
        self.writer.put(f"  store i32 {value}, ptr {variable}, align 4")

    def answer(self, here: Instruction) -> None:
        """The end: what is not 0 is a match."""
        if here.code & classic.RETURN_A:
            self.writer.branch(self.writer.let(f"icmp ne i32 {self.get(self.a)}, 0"), self.yes, self.no)
        else:
            self.writer.go(self.yes if here.k else self.no)

    def jump(self, at: int, here: Instruction) -> None:
        """To one of two."""
        to = [self.blocks[way] for way in here.ways(at)]
        if len(to) == 1:
            self.writer.go(to[0])
            return
        a, operand = self.get(self.a), self.operand(here)
        if here.operation == classic.ANY_BIT:
            common = self.writer.let(f"and i32 {a}, {operand}")
            self.writer.branch(self.writer.let(f"icmp ne i32 {common}, 0"), *to)
        else:
            self.writer.branch(self.writer.let(f"icmp {TESTS[here.operation]} i32 {a}, {operand}"), *to)

    def operand(self, here: Instruction) -> str:
        """X or the constant."""
        return self.get(self.x) if here.with_index else str(here.k)

    def loaded(self, here: Instruction) -> str:
        """What a load loads."""
        if here.mode == classic.ABSOLUTE:
            return self.loads.constant(self.writer, here.k, here.size, self.no)
        if here.mode == classic.INDEXED:
            return self.loads.indexed(self.writer, self.get(self.x), here.k, here.size, self.no)
        if here.mode == classic.HEADER:
            first = self.loads.constant(self.writer, here.k, 1, self.no)
            return self.writer.let(f"shl i32 {self.writer.let(f'and i32 {first}, 15')}, 2")
        if here.mode == classic.MEMORY:
            return self.get(self.cells[here.k])
        return self.loads.length(self.writer) if here.mode == classic.LENGTH else str(here.k)

    def computed(self, here: Instruction) -> str:
        """A, and what becomes of it."""
        a = self.get(self.a)
        if here.operation == classic.NEG:
            return self.writer.let(f"sub i32 0, {a}")
        operand = self.operand(here)
        if here.operation in (classic.DIV, classic.MOD):
            self.writer.leave(self.writer.let(f"icmp eq i32 {operand}, 0"), self.no)
        if here.operation in (classic.LEFT, classic.RIGHT):
            return self.shifted(ARITHMETIC[here.operation], a, operand)
        return self.writer.let(f"{ARITHMETIC[here.operation]} i32 {a}, {operand}")

    def shifted(self, how: str, a: str, by: str) -> str:
        """In 64 bits, where nothing is undefined that classic BPF defines."""
        wide, many = self.writer.let(f"zext i32 {a} to i64"), self.writer.let(f"icmp ugt i32 {by}, 31")
        count = self.writer.let(f"zext i32 {self.writer.let(f'and i32 {by}, 31')} to i64")
        low = self.writer.let(f"trunc i64 {self.writer.let(f'{how} i64 {wide}, {count}')} to i32")
        return self.writer.let(f"select i1 {many}, i32 0, i32 {low}")


def cells_of(code: Code) -> set[int]:
    """The cells that it uses."""
    stores = {here.k for here in code if here.kind in (classic.STORE, classic.STORE_INDEX)}
    return stores | {here.k for here in code if here.kind <= classic.LOAD_INDEX and here.mode == classic.MEMORY}
