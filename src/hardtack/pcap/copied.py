"""How a program reads the copy of a frame that lies in a table: see packet/tap_tables.py. For eBPF."""

from __future__ import annotations

from dataclasses import dataclass

from hardtack.pcap.libpcap import Expression
from hardtack.pcap.loads import offset_of
from hardtack.pcap.reading import TAG, TAGS_AT, at, first_of, joined, opaque, read, scattered, shift_of
from hardtack.pcap.writer import Writer

MOST_OUTER = 127  # a mask, above any offset of an IP header: as in packet/frame/parse.py


@dataclass(frozen=True)
class Copy:
    """Names of values. `start`: the copy (ptr), of `room` bytes, a power of two, and 8 more that may be read; `captured` of
    them are the frame's, which was `length` long (i64). `begin`: where its IP header lies, if that is what it begins with.
    """

    start: str
    room: int
    captured: str
    length: str
    begin: str


@dataclass(frozen=True)
class Copied:
    """Loads of one expression. What was not copied, the frame has not."""

    copy: Copy
    first: int
    shift: str

    def begin(self, writer: Writer) -> None:
        """Nothing to do."""

    def finish(self, writer: Writer, no: str) -> None:
        """Nothing to do."""

    def length(self, writer: Writer) -> str:
        """Without the tags."""
        return writer.let(f"trunc i64 {writer.let(f'sub i64 {self.copy.length}, {self.shift}')} to i32")

    def constant(self, writer: Writer, place: int, size: int, no: str) -> str:
        """Before the tags, behind them, or across."""
        if place < self.first < place + size:
            return joined(writer, [self.constant(writer, place + index, 1, no) for index in range(size)])
        return self.behind(writer, str(place), size, "0" if place < self.first else self.shift, no)

    def indexed(self, writer: Writer, index: str, place: int, size: int, no: str) -> str:
        """The same, but only the program knows where."""
        offset = offset_of(writer, index, place, no)
        if place >= self.first:
            return self.behind(writer, offset, size, self.shift, no)
        return scattered(writer, offset, size, self.shift, lambda where: self.behind(writer, where, 1, "0", no))

    def behind(self, writer: Writer, place: str, size: int, shift: str, no: str) -> str:
        """At an offset (i64), moved by `shift`."""
        offset = writer.let(f"add i64 {shift}, {place}")
        writer.leave(writer.let(f"icmp ugt i64 {writer.let(f'add i64 {offset}, {size}')}, {self.copy.captured}"), no)
        masked = writer.let(f"and i64 {opaque(writer, offset)}, {self.copy.room - 1}")  # for the verifier
        return read(writer, at(writer, self.copy.start, masked), size, 1)


def loads(writer: Writer, copy: Copy, expression: Expression) -> Copied:
    """How an expression reads it, and where its tags end: to be asked for before the first of its loads."""
    if expression.link == "ip":
        return Copied(copy, 0, writer.let(f"and i64 {copy.begin}, {MOST_OUTER}"))
    if not first_of(expression):
        return Copied(copy, 0, "0")
    kinds = [writer.let(f"load i16, ptr {at(writer, copy.start, place)}, align 1") for place in (TAGS_AT, TAGS_AT + TAG)]
    return Copied(copy, TAGS_AT, writer.let(f"and i64 {shift_of(writer, kinds, copy.captured)}, {2 * TAG | TAG}"))


