"""What the verifiers of older kernels want of finished code, held against the programs that ship: no such kernel is needed.

That Linux 6.1 takes them is tried on one: `make kernels`.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

import pytest
from kernel_ground import needs_root

from hardtack.compiler import bits, falls, objects, sums, zeros
from hardtack.compiler.bytecode import FRAME, Instruction, disassemble
from hardtack.compiler.program import Source
from hardtack.image import Image, Line, Reference
from hardtack.kernel import programs
from hardtack.kernel.assembly import CALL, EXIT, MOV, MOV_REGISTER, op
from hardtack.packet.programs import SHIPPED

ADD, LEFT, AND, OR_REGISTER, ADD_REGISTER = 0x07, 0x67, 0x57, 0x4F, 0x0F
LOAD_LONG, LOAD_BYTE, STORE_LONG, LOAD_IMMEDIATE = 0x79, 0x71, 0x7B, 0x18
GOTO, IF_LESS, IF_ZERO = 0x05, 0xA5, 0x15
JIFFIES = 118  # a helper that gives a number that nobody knows
MASK = (1 << 64) - 1


def program(*parts: bytes, references: tuple[Reference, ...] = (), lines: tuple[Line, ...] = ()) -> Image:
    return Image("test", "xdp", b"".join(parts), references, (), lines, "")


def successors(code: bytes, at: int) -> list[tuple[int, bool]]:
    """Instructions behind one, each with whether a jump leads there: written down once more, by RFC 9669."""
    opcode, _, offset, _ = struct.unpack_from("<BBhi", code, at * 8)
    if opcode == 0x95:
        return []
    if opcode & 7 not in (5, 6) or opcode == 0x85:
        return [(at + (2 if opcode == 0x18 else 1), False)]
    return [(at + 1 + offset, True)] if opcode == 0x05 else [(at + 1, True), (at + 1 + offset, True)]


def back_edges(code: bytes) -> list[tuple[int, int]]:
    """What check_cfg() of Linux 6.1 complains of: a depth-first walk that meets, not by a jump, what it is inside of."""
    inside, done, found = [(0, iter(successors(code, 0)))], set[int](), []
    while inside:
        at, rest = inside[-1]
        for there, jump in rest:
            open_ones = {index for index, _ in inside}
            if there in open_ones and not jump:
                found.append((at, there))
            if there not in open_ones and there not in done:
                inside.append((there, iter(successors(code, there))))
                break
        else:
            done.add(at)
            inside.pop()
    return found


@pytest.fixture(scope="module", params=SHIPPED, ids=lambda source: source.name)
def shipped(request: pytest.FixtureRequest) -> Image:
    source: Source = request.param
    return objects.compiled(source)


def test_no_loop_is_closed_by_falling_into_it(shipped: Image) -> None:
    assert back_edges(shipped.instructions) == []


def test_nothing_is_left_to_mend(shipped: Image) -> None:
    code = disassemble(shipped.instructions)
    known = bits.possible_bits(code, {reference.index for reference in shipped.references})
    ors = [index for index in known if code[index].opcode in sums.SUMS]
    assert all(known[index][code[index].target] & known[index][code[index].source] for index in ors)
    assert zeros.kept(code) == set()


# Counts r1 up to 9; the loop's head, 3, is first reached by a jump, and then by falling out of its body
LOOP = (
    op(MOV, 1),
    op(GOTO, offset=1),
    op(ADD, 1, value=1),
    op(IF_LESS, 1, offset=-2, value=9),
    op(LOAD_IMMEDIATE, 2),
    op(0),
    op(MOV_REGISTER, 0, 1),
    op(EXIT),
)


def test_a_loop_that_is_fallen_into_gets_a_jump() -> None:
    lines = (Line(2, "a.py", 1, 1, "body"), Line(3, "a.py", 2, 1, "head"), Line(6, "a.py", 3, 1, "end"))
    image = program(*LOOP, references=(Reference(4, "value", "table"),), lines=lines)
    assert back_edges(image.instructions) == [(2, 3)]
    mended = falls.mended(image)
    assert back_edges(mended.instructions) == []
    assert disassemble(mended.instructions)[3] == Instruction(GOTO, 0, 0, 0)
    assert [line.index for line in mended.lines] == [2, 4, 7]
    assert [reference.index for reference in mended.references] == [5]
    assert falls.mended(mended) == mended


@needs_root
def test_and_does_as_before() -> None:
    image = program(*LOOP)
    for each in (image, falls.mended(image)):
        with programs.load(each, {}) as loaded:
            assert loaded.test_run(bytes(60)).verdict == 9


def of_jiffies(*parts: bytes) -> Image:
    """A program that has begun with an unknown number in r6 and r7."""
    jiffies = op(CALL, value=JIFFIES)
    return program(jiffies, op(MOV_REGISTER, 6), jiffies, op(MOV_REGISTER, 7), *parts, op(MOV, 0, value=2), op(EXIT))


@pytest.mark.parametrize(
    ("parts", "summed"),
    [
        ((op(AND, 6, value=63), op(AND, 7, value=960)), True),
        ((op(AND, 6, value=63), op(AND, 7, value=15), op(LEFT, 7, value=6)), True),
        ((op(AND, 6, value=63), op(AND, 7, value=32)), False),
        ((op(AND, 6, value=63),), False),
        ((op(AND, 6, value=7), op(ADD, 6, value=1), op(AND, 7, value=48)), True),
        ((op(AND, 6, value=7), op(ADD, 6, value=9), op(AND, 7, value=48)), False),
        ((op(AND, 6, value=63), op(AND, 7, value=960), op(IF_ZERO, 7, offset=1), op(ADD, 6, value=64)), False),
    ],
    ids=["masks", "a shift", "a common bit", "one unknown", "a sum", "a sum with a carry", "one way of two"],
)
def test_an_or_without_common_bits_is_a_sum(parts: tuple[bytes, ...], summed: bool) -> None:
    image = of_jiffies(*parts, op(OR_REGISTER, 6, 7))
    code = [here.opcode for here in disassemble(sums.mended(image).instructions)]
    assert code[-3] == (ADD_REGISTER if summed else OR_REGISTER)


ARITHMETIC: dict[int, Callable[[int, int], int]] = {  # by operation of ALU64, on numbers of 64 bits
    0x00: lambda a, b: a + b,
    0x20: lambda a, b: a * b,
    0x30: lambda a, b: a // b if b else 0,
    0x40: lambda a, b: a | b,
    0x50: lambda a, b: a & b,
    0x60: lambda a, b: a << (b & 63),
    0x70: lambda a, b: a >> (b & 63),
    0x90: lambda a, b: a % b if b else a,
    0xA0: lambda a, b: a ^ b,
    0xB0: lambda a, b: b,
    0x10: lambda a, b: a - b,
}


def test_no_bit_is_ever_set_that_could_not_be() -> None:
    """Thousands of arithmetic instructions at random, worked out as well."""
    chance = random.Random(7)
    for _ in range(300):
        numbers = [chance.getrandbits(64) for _ in range(10)]
        code = [Instruction(AND, register, 0, 0xFF << chance.randrange(20)) for register in range(10)]
        for _ in range(30):
            kind, source = chance.choice((7, 4)), chance.choice((0, 8))
            operation = chance.choice([*ARITHMETIC])
            shift = operation in (0x60, 0x70)
            immediate = chance.randrange(32) if shift else chance.choice((chance.getrandbits(31), -3, 1, 0))
            registers = chance.randrange(10) | chance.randrange(10) << 4
            code.append(Instruction(kind | source | operation, registers, 0, immediate))
        code.append(Instruction(EXIT, 0, 0, 0))
        possible = bits.possible_bits(code, set())
        for index, here in enumerate(code[:-1]):
            assert all(number & ~bit == 0 for number, bit in zip(numbers, possible[index], strict=False)), (index, here)
            whole = MASK if here.kind == 7 else MASK >> 32
            other = numbers[here.source] if here.opcode & 8 else here.immediate
            if here.kind == 4 and here.opcode & 8 and here.operation in (0x60, 0x70):
                other &= 31
            numbers[here.target] = ARITHMETIC[here.operation](numbers[here.target] & whole, other & whole) & whole


# A number that is 0 or what jiffies are, on the stack; and a pointer that is null or a look-up's
NUMBER = of_jiffies(
    op(MOV, 1), op(IF_ZERO, 6, offset=1), op(MOV_REGISTER, 1, 7), op(STORE_LONG, FRAME, 1, -8), op(LOAD_LONG, 2, FRAME, -8)
)
POINTER = of_jiffies(
    op(MOV_REGISTER, 3, FRAME),
    op(ADD, 3, value=-16),
    op(STORE_LONG, FRAME, 6, -16),
    op(MOV, 1),
    op(IF_ZERO, 6, offset=1),
    op(MOV_REGISTER, 1, 3),
    op(STORE_LONG, FRAME, 1, -8),
    op(LOAD_LONG, 2, FRAME, -8),
    op(IF_ZERO, 2, offset=1),
    op(LOAD_BYTE, 2, 2),
)
# A loop that keeps what it counts on the stack
COUNTER = of_jiffies(
    op(MOV, 1),
    op(STORE_LONG, FRAME, 1, -8),
    op(LOAD_LONG, 2, FRAME, -8),
    op(ADD, 2, value=1),
    op(STORE_LONG, FRAME, 2, -8),
    op(IF_LESS, 2, offset=-4, value=4),
)


def test_a_number_on_the_stack_is_no_known_zero() -> None:
    mended = zeros.mended(NUMBER)
    lowest_bit = [Instruction(0xBC, FRAME << 4 | 1, 0, 0), Instruction(0x54, 1, 0, 1)]  # w1 = w10, w1 &= 1
    assert disassemble(mended.instructions)[4:7] == [*lowest_bit, Instruction(IF_ZERO, 6, 1, 0)]
    assert zeros.mended(mended) == mended


@pytest.mark.parametrize("image", [POINTER, COUNTER], ids=["a pointer", "a counter"])
def test_one_that_matters_stays_known(image: Image) -> None:
    assert zeros.mended(image) == image


@needs_root
def test_the_unknown_zero_is_one() -> None:
    stack = op(STORE_LONG, FRAME, 1, -8), op(LOAD_LONG, 0, FRAME, -8)
    kept = program(op(MOV, 1), *stack, op(ADD, 0, value=3), op(EXIT))
    for image in (kept, zeros.mended(kept)):
        with programs.load(image, {}) as loaded:
            assert loaded.test_run(bytes(60)).verdict == 3
    assert zeros.mended(kept) != kept


@needs_root
@pytest.mark.parametrize("image", [NUMBER, POINTER, COUNTER], ids=["a number", "a pointer", "a counter"])
def test_the_kernel_takes_what_was_mended(image: Image) -> None:
    programs.load(zeros.mended(image), {}).close()
