"""Expressions as eBPF programs. Two shapes of the same matching:

- `matcher`: gives the position of the first expression that matches (from 1; 0: none) as its verdict. For trying out, and
  for measuring.
- `rule_program`: writes that position into a per-CPU record and goes on in another program, by a tail call.

The images are as all others: kernel.programs.load(image, maps) takes them, with maps of the tables' names. XDP programs are
for frames of several buffers; for the generic hook take that flag away, as kernel/generic.py does: all programs of a program
array must agree on it. Programs for frames that begin with IP (`link="ip"`) are for tcx, and see the packet from its network
header on, as packet/frame/parse.py does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hardtack.image import Image, ProgramKind, Table
from hardtack.pcap import ebpf, emit, size
from hardtack.pcap.libpcap import Expression
from hardtack.pcap.reading import at
from hardtack.pcap.writer import Writer

HAS_FRAGMENTS = 32  # BPF_F_XDP_HAS_FRAGS
LOOK_UP, TAIL_CALL = 1, 12  # helpers: linux/bpf.h


@dataclass(frozen=True)
class Onward:
    """Where a rule program leaves the position, and where it goes on.

    The position is a u32 in the CPU's order at `offset`, a multiple of 4, in entry 0 of `record`, a
    "percpu_array". Then bpf_tail_call to entry `index` of `programs`, a "prog_array". `otherwise` is the verdict if nothing
    is there. The program at `index` finds the frame untouched, and the position new for each frame.
    """

    record: Table
    offset: int
    programs: Table
    index: int
    otherwise: int


def matcher(expressions: Sequence[Expression], kind: ProgramKind = "xdp", name: str = "match") -> Image:
    """A program whose verdict is the position. TooLarge."""
    writer = begun(expressions, kind)
    writer.put(f"  ret i32 {ebpf.match(writer, expressions, kind)}")
    return finished(writer, kind, name, ())


def rule_program(expressions: Sequence[Expression], onward: Onward, kind: ProgramKind = "xdp", name: str = "rules") -> Image:
    """A program that writes the position and goes on. TooLarge."""
    writer = begun(expressions, kind)
    position = ebpf.match(writer, expressions, kind)
    key, none = writer.variable(), writer.name()
    writer.put(f"  store i32 0, ptr {key}, align 4")
    record = writer.let(f"call ptr inttoptr (i64 {LOOK_UP} to ptr)(ptr {emit.table(writer, 0)}, ptr {key})")
    writer.leave(writer.let(f"icmp eq ptr {record}, null"), none)
    writer.put(f"  store i32 {position}, ptr {at(writer, record, onward.offset)}, align 4")
    jump = f"inttoptr (i64 {TAIL_CALL} to ptr)"
    writer.let(f"call i64 {jump}(ptr %context, ptr {emit.table(writer, 1)}, i32 {onward.index})")
    writer.go(none)
    writer.block(none)
    writer.put(f"  ret i32 {onward.otherwise}")
    return finished(writer, kind, name, (onward.record, onward.programs))


def culprit(expressions: Sequence[Expression], refuses: Callable[[Image], bool], kind: ProgramKind = "xdp") -> int:
    """The position of the expression with which a list becomes too much for a kernel, or 0 if it takes the whole.

    `refuses` says whether a kernel refuses an image. It is asked some nine times: the list that it takes is halved.
    """
    if not refuses(matcher(expressions, kind)):
        return 0
    taken, refused = 0, len(expressions)
    while refused - taken > 1:
        middle = (taken + refused) // 2
        if refuses(matcher(expressions[:middle], kind)):
            refused = middle
        else:
            taken = middle
    return refused


def begun(expressions: Sequence[Expression], kind: ProgramKind) -> Writer:
    """A writer for a program that is not too large."""
    if not expressions or len({expression.link for expression in expressions}) > 1:
        raise ValueError("a program is made of expressions, one or more, all for the same kind of frames")
    if kind == "xdp" and expressions[0].link != "ethernet":
        raise ValueError("an XDP program sees Ethernet frames")
    size.require(expressions)
    return Writer()


def finished(writer: Writer, kind: ProgramKind, name: str, tables: tuple[Table, ...]) -> Image:
    """The image."""
    code, references = emit.build(writer, [table.name for table in tables])
    flags = HAS_FRAGMENTS if kind == "xdp" else 0
    return Image(name, kind, code, references, tables, (), "", flags=flags)


def assembly(expressions: Sequence[Expression], kind: ProgramKind = "xdp") -> list[str]:
    """What `matcher` makes, as LLVM writes it down: a line for each instruction, and labels. TooLarge."""
    writer = begun(expressions, kind)
    writer.put(f"  ret i32 {ebpf.match(writer, expressions, kind)}")
    return emit.assembly(writer)
