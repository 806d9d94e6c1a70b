"""Matching as machine code of this very CPU, over frames in memory. LLVM's, without Numba."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import count
from threading import Lock

import llvmlite.binding as llvm

from hardtack.pcap.body import Loads, matching
from hardtack.pcap.libpcap import Expression
from hardtack.pcap.loads import offset_of
from hardtack.pcap.reading import ONE_TAG, TAG, TAGS_AT, TWO_TAGS, at, first_of, is_tag, joined, read, scattered
from hardtack.pcap.writer import Writer

# The same for many frames: their bytes in a row, where each ends, and its length on the wire.
MANY = """
define void @many(ptr %frames, ptr %ends, ptr %lengths, i64 %count, ptr %positions) {
  br label %next
next:
  %index = phi i64 [ 0, %0 ], [ %after, %more ]
  %begin = phi i64 [ 0, %0 ], [ %end, %more ]
  %over = icmp uge i64 %index, %count
  br i1 %over, label %done, label %more
more:
  %at.end = getelementptr i64, ptr %ends, i64 %index
  %end = load i64, ptr %at.end
  %at.length = getelementptr i64, ptr %lengths, i64 %index
  %length = load i64, ptr %at.length
  %frame = getelementptr i8, ptr %frames, i64 %begin
  %captured = sub i64 %end, %begin
  %position = call i32 @match(ptr %frame, i64 %captured, i64 %length)
  %at.position = getelementptr i32, ptr %positions, i64 %index
  store i32 %position, ptr %at.position
  %after = add i64 %index, 1
  br label %next
done:
  ret void
}
declare i16 @llvm.bswap.i16(i16)
declare i32 @llvm.bswap.i32(i32)
"""

_lock = Lock()
_numbers = count()


class Matcher:
    """Expressions as a function of a frame: the position of the first that matches, from 1, or 0.

    `address` is that of `int32_t match(const uint8_t *frame, uint64_t captured, uint64_t length)`: as many bytes as there
    are, and as many as there were on the wire, which is what `len` means. Good as long as this object lives.
    """

    def __init__(self, expressions: Sequence[Expression]) -> None:
        with _lock:
            library = llvm.JITLibraryBuilder().add_object_img(_object(expressions))
            library.export_symbol("match").export_symbol("many")
            self._code = library.link(_engine(), f"match-{next(_numbers)}")
        self.address = int(self._code["match"])
        self._many = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 3, ctypes.c_uint64, ctypes.c_void_p)(self._code["many"])

    def match(self, frame: bytes, length: int = 0) -> int:
        """The position for one frame. `length`: on the wire, if it was longer there."""
        return Batch([frame], [length]).run(self)[0]

    def run(self, batch: Batch) -> None:
        """All of a batch; the answers are in its `positions` then."""
        self._many(batch.frames, batch.ends, batch.lengths, batch.count, batch.positions)


class Batch:
    """Frames side by side in memory."""

    def __init__(self, frames: Sequence[bytes], lengths: Sequence[int] = ()) -> None:
        self.count = len(frames)
        self.frames = ctypes.create_string_buffer(b"".join(frames))
        numbers, ends = ctypes.c_uint64 * self.count, list[int]()
        for frame in frames:
            ends.append(len(frame) + (ends[-1] if ends else 0))
        self.ends = numbers(*ends)
        wire = lengths or [0] * self.count
        self.lengths = numbers(*(max(many, len(frame)) for many, frame in zip(wire, frames, strict=True)))
        self.positions = (ctypes.c_int32 * self.count)()

    def run(self, matcher: Matcher) -> list[int]:
        """The position for each."""
        matcher.run(self)
        return list(self.positions)


@dataclass(frozen=True)
class Plain:
    """Loads of one expression. `captured` and `wire` are lengths without the tags."""

    first: int
    shift: str
    base: str
    captured: str
    wire: str

    def begin(self, writer: Writer) -> None:
        """Nothing to do."""

    def finish(self, writer: Writer, no: str) -> None:
        """Nothing to do."""

    def length(self, writer: Writer) -> str:
        """Without the tags."""
        return writer.let(f"trunc i64 {self.wire} to i32")

    def constant(self, writer: Writer, place: int, size: int, no: str) -> str:
        """Before the tags, behind them, or across."""
        writer.leave(writer.let(f"icmp ult i64 {self.captured}, {place + size}"), no)
        if place < self.first < place + size:
            return joined(writer, [self.byte(writer, str(place + index)) for index in range(size)])
        base = "%start" if place < self.first else self.base
        return read(writer, at(writer, base, place), size, 1)

    def indexed(self, writer: Writer, index: str, place: int, size: int, no: str) -> str:
        """The same, but only the program knows where."""
        offset = offset_of(writer, index, place, no)
        writer.leave(writer.let(f"icmp ult i64 {self.captured}, {writer.let(f'add i64 {offset}, {size}')}"), no)
        if place >= self.first:
            return read(writer, at(writer, self.base, offset), size, 1)
        return scattered(writer, offset, size, self.shift, lambda where: read(writer, at(writer, "%start", where), 1, 1))

    def byte(self, writer: Writer, place: str) -> str:
        """One."""
        return read(writer, at(writer, "%start" if int(place) < self.first else self.base, place), 1, 1)


def _function(expressions: Sequence[Expression]) -> str:
    """`match` as IR."""
    writer = Writer()
    shift = _shift(writer)
    base = at(writer, "%start", shift)
    captured, wire = (writer.let(f"sub i64 {name}, {shift}") for name in ("%captured", "%length"))

    def loads(expression: Expression) -> Loads:
        first = first_of(expression)
        return Plain(first, shift, base, captured, wire) if first else Plain(0, "0", "%start", "%captured", "%length")

    ways = matching(writer, expressions, loads, "found")
    writer.block("found")
    writer.put(f"  ret i32 {writer.join(ways)}")
    return writer.function("i32 @match(ptr %start, i64 %captured, i64 %length)")


def _shift(writer: Writer) -> str:
    """How far the tags move what follows, as reading.shift_of, but no byte is read that is not there."""
    done, ways = writer.name(), []
    for number, least in enumerate((ONE_TAG, TWO_TAGS)):
        for condition in ("length", "kind"):
            ways.append((str(number * TAG), writer.here))
            if condition == "length":
                writer.leave(writer.let(f"icmp ult i64 %captured, {least}"), done)
            else:
                kind = writer.let(f"load i16, ptr {at(writer, '%start', TAGS_AT + number * TAG)}, align 1")
                found = is_tag(writer, writer.let(f"zext i16 {kind} to i64"))
                writer.leave(writer.let(f"icmp eq i64 {found}, 0"), done)
    ways.append((str(2 * TAG), writer.here))
    writer.go(done)
    writer.block(done)
    return writer.join(ways, "i64")


def _object(expressions: Sequence[Expression]) -> bytes:
    """The object file."""
    machine = _machine()
    head = f'target datalayout = "{machine.target_data}"\ntarget triple = "{llvm.get_process_triple()}"\n'
    module = llvm.parse_assembly(head + _function(expressions) + MANY)
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(1))
    builder.getModulePassManager().run(module, builder)
    return bytes(machine.emit_object(module))


@cache
def _machine() -> llvm.TargetMachine:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target, features = llvm.Target.from_triple(llvm.get_process_triple()), llvm.get_host_cpu_features().flatten()
    return target.create_target_machine(cpu=llvm.get_host_cpu_name(), features=features, opt=2, jit=True, reloc="pic")


@cache
def _engine() -> llvm.LLJIT:
    return llvm.create_lljit_compiler(_machine())
