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

from hardtack.compiler.target import BOUNDS
from hardtack.image import ProgramKind
from hardtack.pcap import classic, emit
from hardtack.pcap.body import Loads, Ways, matching
from hardtack.pcap.classic import Instruction
from hardtack.pcap.libpcap import Expression
from hardtack.pcap.loads import BEFORE, COPIED, SURE, Careful, Frame, Quick
from hardtack.pcap.reading import TAG, TAGS_AT, TWO_TAGS, at, first_of, opaque, shift_of
from hardtack.pcap.writer import Writer

ROOM = 80  # bytes: of the copy, before it, and what the verifier thinks may be written behind
MOST_OUTER = 127  # a mask, above any offset of an IP header: as in packet/frame/parse.py


def match(writer: Writer, expressions: Sequence[Expression], kind: ProgramKind) -> str:
    """Code from the entry to the block `found`, and there the position (i32)."""
    head, tail = (bound(writer, place) for place in BOUNDS[kind])
    ends = [writer.let(f"ptrtoint ptr {pointer} to i64") for pointer in (head, tail)]
    length = opaque(writer, writer.let(f"sub i64 {ends[1]}, {ends[0]}"))
    begin = nothing = writer.let(f"and i64 {writer.let(f'lshr i64 {length}, 32')}, 1")
    ways: Ways = []
    if expressions[0].link == "ip":
        begin = network(writer, ways)
    frame = Frame(kind, head, tail, nothing, begin, length, writer.variable("i64", 8), writer.variable())
    writer.put(f"  store volatile i64 0, ptr {frame.alone}, align 8")
    ways += quickly(writer, frame, expressions) + carefully(writer, frame, expressions)
    writer.block("found")
    return writer.join(ways)


def bound(writer: Writer, place: int) -> str:
    """A pointer out of the context."""
    low = writer.let(f"load volatile i32, ptr {at(writer, '%context', place)}, align 4")
    return writer.let(f"inttoptr i64 {writer.let(f'zext i32 {low} to i64')} to ptr")


def network(writer: Writer, ways: Ways) -> str:
    """Where the network header begins, as the kernel knows it: not at 0 behind another one, as of a tunnel. Not at all: 0.

    sk_buff.network_header counts from head; what the program sees begins at data.
    """
    buffer = writer.let("call ptr @bpf_cast_to_kern_ctx(ptr %context)")
    places = {field: at(writer, buffer, emit.number(writer, field)) for field in emit.FIELDS}
    head, data = (writer.let(f"load i64, ptr {places[field]}, align 8") for field in (emit.HEAD, emit.DATA))
    header = writer.let(f"load i16, ptr {places[emit.NETWORK]}, align 2")
    before = writer.let(f"sub i64 {data}, {head}")
    place = writer.let(f"sub i64 {writer.let(f'zext i16 {header} to i64')}, {before}")
    none, some = writer.name(), writer.name()
    writer.branch(writer.let(f"icmp ugt i64 {place}, {MOST_OUTER}"), none, some)
    ways.append(("0", writer.block(none)))
    writer.go("found")
    writer.block(some)
    return writer.let(f"and i64 {opaque(writer, place)}, {MOST_OUTER}")


def quickly(writer: Writer, frame: Frame, expressions: Sequence[Expression]) -> Ways:
    """The first body; to the block `careful` if it is not for this frame."""
    whole = frame.whole(writer) if any(is_length(here) for each in expressions for here in each.code) else ""
    shift, bare = "0", [expression for expression in expressions if first_of(expression)]
    bases = {0: opaque(writer, at(writer, frame.start, opaque(writer, frame.begin)), "ptr")}
    if bare:
        beyond(writer, frame.start, TWO_TAGS, frame.end)
        kinds = [writer.let(f"load i16, ptr {at(writer, frame.start, place)}, align 2") for place in (TAGS_AT, TAGS_AT + 4)]
        shift = writer.let(f"and i64 {opaque(writer, shift_of(writer, kinds))}, {2 * TAG | TAG}")  # a bound for the verifier
        bases[TAGS_AT] = opaque(writer, at(writer, frame.start, shift), "ptr")
    for first, base in bases.items():
        if sure := sure_bytes([expression for expression in expressions if first_of(expression) == first]):
            beyond(writer, base, sure, frame.end)

    def loads(expression: Expression) -> Loads:
        first = first_of(expression)
        return Quick(frame, first, shift if first else frame.begin, bases[first], whole)

    return matching(writer, expressions, loads, "found")


def is_length(here: Instruction) -> bool:
    """Whether an instruction loads the frame's length."""
    return here.kind in (classic.LOAD, classic.LOAD_INDEX) and here.mode == classic.LENGTH


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
    raw, whole, failed = buffer(writer), frame.whole(writer), writer.name()
    fill(writer, frame, raw, frame.begin, writer.let(f"sub i64 {whole}, {frame.begin}"), COPIED, failed)
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
        return Careful(frame, first, shift if first else frame.begin, copies[first], whole)

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
