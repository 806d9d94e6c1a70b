"""How eBPF reads the frame: from its first buffer while a bound holds, from a copy on the stack, or by a helper."""

from __future__ import annotations

from dataclasses import dataclass

from hardtack.compiler.target import COPY
from hardtack.image import ProgramKind
from hardtack.pcap.reading import at, joined, opaque, read, scattered
from hardtack.pcap.writer import Writer

SURE = 34  # bytes: Ethernet and IPv4 without options
COPIED = 64  # bytes that the second body has on the stack; a power of two
BEFORE = 2  # bytes before them, so that IP headers are aligned
NEAR = 0x3FFF  # bytes: how far a pointer into the frame may go, a mask; the verifier allows 0xffff
GET_LENGTH = 188  # bpf_xdp_get_buff_len
FARTHEST = 1 << 30  # no frame is so long


@dataclass(frozen=True)
class Frame:
    """What the program knows of the frame: names of values.

    `nothing` is 0, but the verifier takes it for 0 or 1. What an expression sees as it is begins at `begin`.
    """

    kind: ProgramKind
    start: str
    end: str
    nothing: str
    begin: str
    length: str  # of its first buffer
    alone: str  # eight bytes on the stack: not 0 once it is known that there is no other buffer
    slot: str  # four bytes on the stack

    def fetch(self, writer: Writer, place: str, size: int, no: str) -> str:
        """Bytes at an offset (i64, below 4 GB) by the helper; `no` if the frame has them not."""
        writer.leave(self.copy(writer, place, self.slot, str(size)), no)
        return read(writer, self.slot, size, size)

    def whole(self, writer: Writer) -> str:
        """The frame's length, all buffers counted (i64). XDP programs must ask, which takes as long as some ten loads."""
        if self.kind == "tcx":
            return writer.let(f"zext i32 {writer.let('load volatile i32, ptr %context, align 4')} to i64")
        return writer.let(f"call i64 inttoptr (i64 {GET_LENGTH} to ptr)(ptr %context)")

    def copy(self, writer: Writer, place: str, to: str, size: str) -> str:
        """Whether the helper failed to copy so many bytes (i32)."""
        offset = writer.let(f"trunc i64 {place} to i32")
        helper = f"inttoptr (i64 {COPY[self.kind]} to ptr)"
        failed = writer.let(f"call i64 {helper}(ptr %context, i32 {offset}, ptr {to}, i32 {size})")
        return writer.let(f"icmp ne i64 {failed}, 0")


@dataclass
class Quick:
    """Loads of one expression, where the first `SURE` bytes (as far as any expression wants them) are in the first buffer.

    Places from `first` on are `shift` bytes further in memory, and count from `base`. `whole` is the frame's length, if any
    expression wants it.

    A helper that is asked for what is not there takes 17 ns to say so: with that, whoever sends frames that end too soon
    would set the price. So after the first time (the block `failed`) it is found out whether there are other buffers at all.
    """

    frame: Frame
    first: int
    shift: str
    base: str
    whole: str
    failed: str = ""

    def begin(self, writer: Writer) -> None:
        """Nothing is read yet."""
        self.failed = writer.name()

    def finish(self, writer: Writer, no: str) -> None:
        """What to do when the helper has failed. Of a buffer that is longer than NEAR, the helper alone reads the end."""
        alone = writer.name()
        writer.block(self.failed)
        short = writer.let(f"icmp ult i64 {self.frame.length}, {NEAR}")
        seen = writer.let(f"select i1 {short}, i64 {self.frame.length}, i64 {NEAR}")
        writer.branch(writer.let(f"icmp ugt i64 {self.frame.whole(writer)}, {seen}"), no, alone)
        writer.block(alone)
        writer.put(f"  store volatile i64 1, ptr {self.frame.alone}, align 8")
        writer.go(no)

    def fetch(self, writer: Writer, place: str, size: int, no: str) -> str:
        """Bytes at an offset (i64) that are not in the first buffer."""
        alone = writer.let(f"load volatile i64, ptr {self.frame.alone}, align 8")
        writer.leave(writer.let(f"icmp ne i64 {alone}, 0"), no)
        return self.frame.fetch(writer, place, size, self.failed)

    def length(self, writer: Writer) -> str:
        """Without the tags."""
        return writer.let(f"trunc i64 {writer.let(f'sub i64 {self.whole}, {self.shift}')} to i32")

    def constant(self, writer: Writer, place: int, size: int, no: str) -> str:
        """Straight from the frame if that is sure; else see `checked`."""
        if place + size > SURE:
            if place + size > NEAR:
                return self.fetch(writer, writer.let(f"add i64 {self.shift}, {place}"), size, no)
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
        ways = [(bytewise(writer, self, offset, size, no), writer.here)]
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
        ways.append((self.fetch(writer, writer.let(f"add i64 {self.shift}, {offset}"), size, no), writer.here))
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

    def finish(self, writer: Writer, no: str) -> None:
        """Nothing is left to do."""

    def fetch(self, writer: Writer, place: str, size: int, no: str) -> str:
        """Bytes at an offset (i64), if the frame has them."""
        whole = writer.let(f"add i64 {self.whole}, {opaque(writer, self.frame.nothing)}")
        writer.leave(writer.let(f"icmp ugt i64 {writer.let(f'add i64 {place}, {size}')}, {whole}"), no)
        return self.frame.fetch(writer, place, size, no)

    def length(self, writer: Writer) -> str:
        """Without the tags."""
        return writer.let(f"trunc i64 {self.left} to i32")

    def constant(self, writer: Writer, place: int, size: int, no: str) -> str:
        """From the copy, or by the helper."""
        if place + size > COPIED:
            return self.fetch(writer, writer.let(f"add i64 {self.shift}, {place}"), size, no)
        writer.leave(writer.let(f"icmp ult i64 {self.left}, {place + size}"), no)
        align = (place + BEFORE) & -(place + BEFORE)
        return read(writer, at(writer, self.copy, place + BEFORE), size, min(align, size))

    def indexed(self, writer: Writer, index: str, place: int, size: int, no: str) -> str:
        """By the helper."""
        offset = offset_of(writer, index, place, no)
        if place < self.first:
            return bytewise(writer, self, offset, size, no)
        return self.fetch(writer, writer.let(f"add i64 {offset}, {self.shift}"), size, no)


def offset_of(writer: Writer, index: str, place: int, no: str) -> str:
    """Index and place added up (i64), if that may be in a frame."""
    offset = writer.let(f"add i64 {writer.let(f'zext i32 {index} to i64')}, {place}")
    writer.leave(writer.let(f"icmp ugt i64 {offset}, {FARTHEST}"), no)
    return offset


def bytewise(writer: Writer, loads: Quick | Careful, offset: str, size: int, no: str) -> str:
    """A load around the tags, byte by byte, by the helper."""
    return scattered(writer, offset, size, loads.shift, lambda place: loads.fetch(writer, place, 1, no))
