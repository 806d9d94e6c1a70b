"""Matching in eBPF: how a program in the kernel reads the frame.

There are two bodies. In the first, what nearly all loads want (up to byte 34, the end of a plain IPv4 header) is known to be
there: it was checked once. Loads further in are checked one by one, and go through bpf_xdp_load_bytes or bpf_skb_load_bytes
if they are beyond the first buffer. The second body is for frames that are shorter, or whose first buffer is: it reads a
copy of the first 64 bytes on the stack, and what is further through the helper.

Each expression reads for itself: a load from the frame costs as much as one from the stack, where shared values would wait,
and the verifier would carry all that was learnt of them from expression to expression, once for each way through.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hardtack.compiler.target import BOUNDS, COPY
from hardtack.image import ProgramKind
from hardtack.pcap import classic
from hardtack.pcap.body import Loads, Ways, matching
from hardtack.pcap.libpcap import Expression
from hardtack.pcap.reading import TAGS_AT, TWO_TAGS, at, joined, opaque, read, scattered, shift_of
from hardtack.pcap.writer import Writer

SURE = 34  # bytes: Ethernet and IPv4 without options
COPIED = 64  # bytes that the second body has on the stack; a power of two
BEFORE = 2  # bytes before them, so that IP headers are aligned
ROOM = 80  # bytes: both, and what the verifier thinks may be written behind
NEAR = 0x3FFF  # bytes: how far a pointer into the frame may go, a mask; the verifier allows 0xffff
FARTHEST = 1 << 30  # no frame is so long
GET_LENGTH = 188  # bpf_xdp_get_buff_len


@dataclass(frozen=True)
class Frame:
    """What the program knows of the frame: names of values. `nothing` is 0, but the verifier takes it for 0 or 1."""

    kind: ProgramKind
    start: str
    end: str
    nothing: str
    slot: str  # four bytes on the stack

    def fetch(self, writer: Writer, place: str, size: int, no: str) -> str:
        """Bytes at an offset (i64, below 4 GB) by the helper; `no` if the frame has them not."""
        writer.leave(self.copy(writer, place, self.slot, str(size)), no)
        return read(writer, self.slot, size, size)

    def copy(self, writer: Writer, place: str, to: str, size: str) -> str:
        """Whether the helper failed to copy so many bytes (i32)."""
        offset = writer.let(f"trunc i64 {place} to i32")
        helper = f"inttoptr (i64 {COPY[self.kind]} to ptr)"
        failed = writer.let(f"call i64 {helper}(ptr %context, i32 {offset}, ptr {to}, i32 {size})")
        return writer.let(f"icmp ne i64 {failed}, 0")

    def whole(self, writer: Writer) -> str:
        """The frame's whole length, all buffers counted (i64)."""
        if self.kind == "xdp":
            return writer.let(f"call i64 inttoptr (i64 {GET_LENGTH} to ptr)(ptr %context)")
        return writer.let(f"zext i32 {writer.let('load volatile i32, ptr %context, align 4')} to i64")


@dataclass(frozen=True)
class Quick:
    """Loads of one expression, where the first `SURE` bytes (as far as any expression wants them) are in the first buffer.

    Places from `first` on are `shift` bytes further in memory, and count from `base`.
    """

    frame: Frame
    first: int
    shift: str
    base: str
    whole: str

    def begin(self, writer: Writer) -> None:
        """Nothing to do."""

    def length(self, writer: Writer) -> str:
        """Without the tags."""
        return writer.let(f"trunc i64 {writer.let(f'sub i64 {self.whole}, {self.shift}')} to i32")

    def constant(self, writer: Writer, place: int, size: int, no: str) -> str:
        """Straight from the frame if that is sure; else see `checked`."""
        if place + size > SURE:
            if place + size > NEAR:
                return self.frame.fetch(writer, writer.let(f"add i64 {self.shift}, {place}"), size, no)
            pointer = self.moved(writer, self.frame.start, self.shift)
            return self.checked(writer, pointer, place, size, writer.name(), str(place), no)
        if place < self.first < place + size:
            return joined(writer, [self.constant(writer, place + index, 1, no) for index in range(size)])
        pointer = self.frame.start if place < self.first else self.base
        return read(writer, at(writer, pointer, place), size, size)

    def indexed(self, writer: Writer, index: str, place: int, size: int, no: str) -> str:
        """Checked as it comes; what begins before the tags, byte by byte."""
        offset = offset_of(writer, index, place, no)
        if place >= self.first:
            return self.behind(writer, offset, size, no)
        early, late, done = writer.name(), writer.name(), writer.name()
        writer.branch(writer.let(f"icmp ult i64 {offset}, {self.first}"), early, late)
        writer.block(early)
        ways = [(bytewise(writer, self.frame, offset, size, self.shift, no), writer.here)]
        writer.go(done)
        writer.block(late)
        ways.append((self.behind(writer, offset, size, no), writer.here))
        writer.go(done)
        writer.block(done)
        return writer.join(ways)

    def behind(self, writer: Writer, offset: str, size: int, no: str) -> str:
        """At an offset (i64) that is not before the tags."""
        outside = writer.name()
        writer.leave(writer.let(f"icmp ugt i64 {offset}, {NEAR}"), outside)
        masked = writer.let(f"and i64 {opaque(writer, offset)}, {NEAR}")
        pointer = self.moved(writer, self.base, masked)
        return self.checked(writer, pointer, 0, size, outside, offset, no)

    def moved(self, writer: Writer, pointer: str, by: str) -> str:
        """A pointer that the verifier takes for one of its own, so that what is checked on it is nobody else's business."""
        return opaque(writer, at(writer, pointer, opaque(writer, by)), "ptr")

    def checked(self, writer: Writer, pointer: str, place: int, size: int, outside: str, offset: str, no: str) -> str:
        """`size` bytes `place` behind the pointer if the first buffer has them.

        Else, and from wherever leads to the block `outside`, by the helper, at `offset` and shift.
        """
        inside, done = writer.name(), writer.name()
        behind = at(writer, pointer, place + size)
        writer.branch(writer.let(f"icmp ugt ptr {behind}, {self.frame.end}"), outside, inside)
        writer.block(inside)
        ways = [(read(writer, at(writer, pointer, place), size, size), inside)]
        writer.go(done)
        writer.block(outside)
        ways.append((self.frame.fetch(writer, writer.let(f"add i64 {self.shift}, {offset}"), size, no), writer.here))
        writer.go(done)
        writer.block(done)
        return writer.join(ways)


@dataclass
class Careful:
    """Loads of one expression in the second body. `copy`: the frame's first bytes, as this expression sees them."""

    frame: Frame
    first: int
    shift: str
    copy: str
    whole: str
    left: str = ""

    def begin(self, writer: Writer) -> None:
        """A length of its own: what the verifier learns of it here, the next expression does not know."""
        own = writer.let(f"sub i64 {self.whole}, {self.shift}")
        self.left = writer.let(f"add i64 {own}, {opaque(writer, self.frame.nothing)}")

    def length(self, writer: Writer) -> str:
        """Without the tags."""
        return writer.let(f"trunc i64 {self.left} to i32")

    def constant(self, writer: Writer, place: int, size: int, no: str) -> str:
        """From the copy, or by the helper."""
        if place + size > COPIED:
            return self.frame.fetch(writer, writer.let(f"add i64 {self.shift}, {place}"), size, no)
        writer.leave(writer.let(f"icmp ult i64 {self.left}, {place + size}"), no)
        align = (place + BEFORE) & -(place + BEFORE)
        return read(writer, at(writer, self.copy, place + BEFORE), size, min(align, size))

    def indexed(self, writer: Writer, index: str, place: int, size: int, no: str) -> str:
        """By the helper."""
        offset = offset_of(writer, index, place, no)
        if place < self.first:
            return bytewise(writer, self.frame, offset, size, self.shift, no)
        return self.frame.fetch(writer, writer.let(f"add i64 {offset}, {self.shift}"), size, no)


def offset_of(writer: Writer, index: str, place: int, no: str) -> str:
    """Index and place added up (i64), if that may be in a frame."""
    offset = writer.let(f"add i64 {writer.let(f'zext i32 {index} to i64')}, {place}")
    writer.leave(writer.let(f"icmp ugt i64 {offset}, {FARTHEST}"), no)
    return offset


def bytewise(writer: Writer, frame: Frame, offset: str, size: int, shift: str, no: str) -> str:
    """A load around the tags, byte by byte, by the helper."""
    return scattered(writer, offset, size, shift, lambda place: frame.fetch(writer, place, 1, no))


def first_of(expression: Expression) -> int:
    """From where on an expression sees the frame without its tags."""
    return 0 if expression.sees_tags or expression.link == "ip" else TAGS_AT


def match(writer: Writer, expressions: Sequence[Expression], kind: ProgramKind) -> str:
    """Code from the entry to the block `found`, and there the position (i32)."""
    head, tail = (bound(writer, place) for place in BOUNDS[kind])
    length = writer.let(f"sub i64 {writer.let(f'ptrtoint ptr {tail} to i64')}, {writer.let(f'ptrtoint ptr {head} to i64')}")
    nothing = writer.let(f"and i64 {writer.let(f'lshr i64 {opaque(writer, length)}, 32')}, 1")
    frame = Frame(kind, head, tail, nothing, writer.variable())
    ways = quickly(writer, frame, expressions) + carefully(writer, frame, expressions)
    writer.block("found")
    return writer.join(ways)


def bound(writer: Writer, place: int) -> str:
    """A pointer out of the context."""
    low = writer.let(f"load volatile i32, ptr {at(writer, '%context', place)}, align 4")
    return writer.let(f"inttoptr i64 {writer.let(f'zext i32 {low} to i64')} to ptr")


def quickly(writer: Writer, frame: Frame, expressions: Sequence[Expression]) -> Ways:
    """The first body; to the block `careful` if it is not for this frame."""
    whole = frame.whole(writer) if any(is_length(here.code, here.mode) for e in expressions for here in e.code) else "0"
    shift, bare = "0", [expression for expression in expressions if first_of(expression)]
    bases = {0: opaque(writer, at(writer, frame.start, frame.nothing), "ptr")}
    if bare:
        beyond(writer, frame.start, TWO_TAGS, frame.end)
        kinds = [writer.let(f"load i16, ptr {at(writer, frame.start, place)}, align 2") for place in (TAGS_AT, TAGS_AT + 4)]
        shift = shift_of(writer, kinds)
        bases[TAGS_AT] = opaque(writer, at(writer, frame.start, shift), "ptr")
    for first, base in bases.items():
        if sure := sure_bytes([expression for expression in expressions if first_of(expression) == first]):
            beyond(writer, base, sure, frame.end)

    def loads(expression: Expression) -> Loads:
        first = first_of(expression)
        return Quick(frame, first, shift if first else frame.nothing, bases[first], whole)

    return matching(writer, expressions, loads, "found")


def is_length(code: int, mode: int) -> bool:
    """Whether an instruction loads the frame's length."""
    return code & 7 <= classic.LOAD_INDEX and mode == classic.LENGTH


def sure_bytes(expressions: Sequence[Expression]) -> int:
    """How much of the frame is checked at once: the end of the last constant load within SURE."""
    loads = (here for e in expressions for here in e.code if here.reads_frame and here.mode != classic.INDEXED)
    ends = (here.k + (1 if here.mode == classic.HEADER else here.size) for here in loads)
    return max((end for end in ends if end <= SURE), default=0)


def beyond(writer: Writer, pointer: str, size: int, end: str) -> None:
    """To the second body unless the first buffer has so many bytes."""
    writer.leave(writer.let(f"icmp ugt ptr {at(writer, pointer, size)}, {end}"), "careful")


def carefully(writer: Writer, frame: Frame, expressions: Sequence[Expression]) -> Ways:
    """The second body."""
    writer.block("careful")
    whole, failed = frame.whole(writer), writer.name()
    raw = buffer(writer)
    fill(writer, frame, raw, "0", whole, COPIED, failed)
    shift, copies = "0", {0: raw}
    if any(first_of(expression) for expression in expressions):
        kinds = [writer.let(f"load i16, ptr {at(writer, raw, place + BEFORE)}, align 2") for place in (TAGS_AT, TAGS_AT + 4)]
        shift, copies[TAGS_AT] = shift_of(writer, kinds, whole), buffer(writer)
        for place in range(BEFORE, BEFORE + TAGS_AT, 2):
            word = writer.let(f"load i16, ptr {at(writer, raw, place)}, align 2")
            writer.put(f"  store i16 {word}, ptr {at(writer, copies[TAGS_AT], place)}, align 2")
        from_there = writer.let(f"add i64 {shift}, {TAGS_AT}")
        left = writer.let(f"sub i64 {whole}, {from_there}")
        to = at(writer, copies[TAGS_AT], TAGS_AT)
        fill(writer, frame, to, from_there, left, COPIED - TAGS_AT, failed)

    def loads(expression: Expression) -> Loads:
        first = first_of(expression)
        return Careful(frame, first, shift if first else "0", copies[first], whole)

    ways = matching(writer, expressions, loads, "found")
    ways.append(("0", writer.block(failed)))
    writer.go("found")
    return ways


def buffer(writer: Writer) -> str:
    """Room on the stack, all zeros: the verifier wants to see every byte written before it is read."""
    room = writer.variable(f"[{ROOM} x i8]", 8)
    for place in range(0, ROOM, 8):
        writer.put(f"  store volatile i64 0, ptr {at(writer, room, place)}, align 8")
    return room


def fill(writer: Writer, frame: Frame, room: str, place: str, length: str, most: int, failed: str) -> None:
    """Copy what there is of `length` bytes (i64, perhaps none), `most` at most, from an offset in the frame."""
    some, done = writer.name(), writer.name()
    writer.branch(writer.let(f"icmp slt i64 {length}, 1"), done, some)
    writer.block(some)
    less = writer.let(f"icmp ult i64 {length}, {most}")
    count = writer.let(f"select i1 {less}, i64 {length}, i64 {most}")
    masked = writer.let(f"and i64 {opaque(writer, writer.let(f'sub i64 {count}, 1'))}, {COPIED - 1}")
    size = writer.let(f"trunc i64 {writer.let(f'add i64 {masked}, 1')} to i32")
    writer.leave(frame.copy(writer, place, at(writer, room, BEFORE), size), failed)
    writer.go(done)
    writer.block(done)
