"""What nobody writes: classic BPF that libpcap would not make, translated, does what bpf_filter() does; odd expressions."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from kernel_ground import needs_root

from hardtack.kernel import programs
from hardtack.pcap import classic, size
from hardtack.pcap.classic import CELLS, Code, Instruction
from hardtack.pcap.libpcap import Expression, ExpressionError, compile, library
from hardtack.pcap.native import Batch, Matcher
from hardtack.pcap.programs import matcher
from pcap.frames import generated
from pcap.judges import Libpcap, in_buffers, raw

NUMBERS = st.integers(0, 40) | st.sampled_from([0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFF0, 65535, 3520, 16383, 16384])
PLACES = st.integers(0, 70) | st.integers(0, 0x7FFFFFFF)
OPERATIONS = st.sampled_from([*range(classic.ADD, classic.NEG, 0x10), classic.MOD, classic.XOR])
TESTS = st.sampled_from([classic.EQUAL, classic.GREATER, classic.GREATER_EQUAL, classic.ANY_BIT])
INDEX = st.sampled_from([0, classic.WITH_INDEX])
ACCEPT = [Instruction(classic.RETURN, 0, 0, 1), Instruction(classic.RETURN, 0, 0, 0)]
FRAMES = generated()[::4]


@st.composite
def loads(draw: DrawFn) -> Instruction:
    """From the frame, its length, a cell, a constant; into A or X."""
    width = draw(st.sampled_from([0x00, 0x08, 0x10]))
    kind = draw(st.sampled_from(["absolute", "absolute", "indexed", "indexed", "header", "length", "cell", "constant"]))
    into = draw(st.sampled_from([classic.LOAD, classic.LOAD_INDEX]))
    if kind == "absolute":
        return Instruction(classic.LOAD | classic.ABSOLUTE | width, 0, 0, draw(PLACES))
    if kind == "indexed":
        return Instruction(classic.LOAD | classic.INDEXED | width, 0, 0, draw(PLACES | NUMBERS))
    if kind == "header":
        return Instruction(classic.LOAD_INDEX | classic.HEADER | 0x10, 0, 0, draw(st.integers(0, 70)))
    if kind == "length":
        return Instruction(into | classic.LENGTH, 0, 0, 0)
    if kind == "cell":
        return Instruction(into | classic.MEMORY, 0, 0, draw(st.integers(0, CELLS - 1)))
    return Instruction(into | classic.IMMEDIATE, 0, 0, draw(NUMBERS))


@st.composite
def sums(draw: DrawFn) -> Instruction:
    """Arithmetic as bpf_validate() takes it."""
    operation, index, number = draw(OPERATIONS), draw(INDEX), draw(NUMBERS)
    if operation in (classic.LEFT, classic.RIGHT) and not index:
        number %= 32
    if operation in (classic.DIV, classic.MOD) and not index:
        number = number or 1
    return Instruction(classic.ALU | operation | index, 0, 0, number)


STEPS = st.one_of(
    loads(),
    loads(),
    loads(),
    sums(),
    sums(),
    st.just(Instruction(classic.ALU | classic.NEG, 0, 0, 0)),
    st.builds(lambda kind, cell: Instruction(kind, 0, 0, cell), st.sampled_from([2, 3]), st.integers(0, CELLS - 1)),
    st.sampled_from([Instruction(classic.MISC, 0, 0, 0), Instruction(classic.MISC | classic.TO_A, 0, 0, 0)]),
    st.just(Instruction(classic.RETURN | classic.RETURN_A, 0, 0, 0)),
    st.builds(lambda test, index, k: Instruction(classic.JUMP | test | index, 1, 2, k), TESTS, INDEX, NUMBERS),
    st.just(Instruction(classic.JUMP, 0, 0, 1)),
)


@st.composite
def codes(draw: DrawFn) -> Code:
    """A program whose jumps go forward, and which ends with a return."""
    steps = draw(st.lists(STEPS, min_size=1, max_size=24))
    code = []
    for at, here in enumerate(steps):
        ahead = st.integers(0, len(steps) - at)  # to the last return at most
        if here.kind == classic.JUMP and here.operation == classic.ALWAYS:
            here = here._replace(k=draw(ahead))
        elif here.kind == classic.JUMP:
            here = here._replace(jt=draw(ahead), jf=draw(ahead))
        code.append(here)
    unset = {here.k for here in code if here.kind <= classic.LOAD_INDEX and here.mode == classic.MEMORY}
    before = [
        Instruction(classic.STORE, 0, 0, cell) for cell in sorted(unset)
    ]  # in libpcap 1.10 they hold whatever was there
    return (*before, *code, *ACCEPT)


def crowded() -> Code:
    """As many values at once as there can be: all cells, A and X, each of another load."""
    code = []
    for cell in range(CELLS):
        code += [Instruction(0x28, 0, 0, 14 + 2 * cell), Instruction(0x02, 0, 0, cell)]
        code += [Instruction(0x61, 0, 0, cell), Instruction(0x48, 0, 0, 14), Instruction(0x02, 0, 0, cell)]
    code += [Instruction(0x61, 0, 0, 3), Instruction(0x40, 0, 0, 20)]
    for cell in range(CELLS):
        code += [Instruction(0x61, 0, 0, cell), Instruction(0x2C, 0, 0, 0), Instruction(0x0C, 0, 0, 0)]
    return (*code, Instruction(0x45, 0, 1, 0x55), *ACCEPT)


def valid(code: Code) -> bool:
    """libpcap's opinion."""
    return bool(library().bpf_validate(raw(code), len(code)))


@given(codes(), st.booleans())
@example(crowded(), False)
@example(crowded(), True)
@settings(max_examples=80, deadline=None)
def test_native_code_agrees(code: Code, sees_tags: bool) -> None:
    assert valid(code)
    expression = Expression("random", code, "ethernet", sees_tags)
    judge = Libpcap(expression)
    assert list(map(bool, Batch(FRAMES).run(Matcher([expression])))) == [judge.match(frame) for frame in FRAMES]


@needs_root
@given(codes(), st.booleans(), st.randoms(use_true_random=False))
@example(crowded(), False, random.Random(1))
@example(crowded(), True, random.Random(1))
@settings(max_examples=80, deadline=None)
def test_ebpf_agrees(code: Code, sees_tags: bool, choice: random.Random) -> None:
    assert valid(code)
    expression = Expression("random", code, "ethernet", sees_tags)
    judge, image = Libpcap(expression), matcher([expression])
    assert len(image.instructions) // 8 < size.FRAME + size.estimate(expression)
    with programs.load(image, {}) as program:
        for frame in FRAMES:
            first = min(choice.choice((14, 20, 34, 36, 60, 9999)), len(frame), 3000)
            assert in_buffers(program, frame, first) == judge.match(frame), (frame.hex(), first)


def lists(sizes: tuple[int, ...]) -> Iterator[list[Expression]]:
    """The crowded one many times over: nothing may pile up."""
    for many in sizes:
        yield [Expression("crowded", crowded(), "ethernet", bool(index % 2)) for index in range(many)]


@needs_root
@pytest.mark.parametrize("many", [2, 12])
def test_values_do_not_pile_up(many: int) -> None:
    """LLVM ends the process when a program needs more than eBPF's 512 bytes of stack."""
    for expressions in lists((many,)):
        with programs.load(matcher(expressions), {}) as program:
            judges = [Libpcap(expression) for expression in expressions]
            for frame in FRAMES:
                matching = [position for position, judge in enumerate(judges, 1) if judge.match(frame)]
                assert program.test_run(frame[:3000]).verdict == (matching or [0])[0] or len(frame) > 3000


GRAMMAR = """
ip ip6 tcp udp arp icmp vlan mpls pppoes geneve ether src dst host net port portrange proto and or not ( ) [ ] : / < >
= != & | + - * % << >> len 0 1 4 12 80 65535 0xffffffff 10.0.0.1 10.0.0.0/8 2001:db8::/32 00:11:22:33:44:55 tcp[13] ip[0]
ether[12:2] http domain less greater 100 multicast broadcast llc 7 tcp-syn tcpflags tcp[tcpflags] vlan and
"""


@given(st.lists(st.sampled_from(GRAMMAR.split()), max_size=14).map(" ".join) | st.text(max_size=30))
@settings(max_examples=400, deadline=None)
def test_whatever_is_written_is_a_program_or_a_mistake(text: str) -> None:
    try:
        expression = compile(text)
    except ExpressionError as error:
        assert str(error).isprintable()
        return
    judge = Libpcap(expression)
    assert list(map(bool, Batch(FRAMES).run(Matcher([expression])))) == [judge.match(frame) for frame in FRAMES]
    assert len(matcher([expression]).instructions) // 8 < size.FRAME + size.estimate(expression)
