"""The program of a tap: it writes the copy of a frame into a ring buffer, if the frame is one of those that are wanted.

The packet program goes on there with the last of the taps that want a frame (packet/out/tap.py); each goes on in the next
one, and the last returns the action in the packet program's place. LLVM's eBPF, without Numba.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from hardtack.image import Image, ProgramKind, Table
from hardtack.packet.reasons import FRONT_REASONS, Reason
from hardtack.packet.tap_tables import SNAP, TAP_OF_SIZE, TAPPED, TapOf, offset_of
from hardtack.pcap import emit, size
from hardtack.pcap.body import matching
from hardtack.pcap.copied import Copy, loads
from hardtack.pcap.libpcap import Expression
from hardtack.pcap.programs import HAS_FRAGMENTS, LOOK_UP, TAIL_CALL
from hardtack.pcap.reading import at, opaque
from hardtack.pcap.writer import Writer

NOW, CPU, OUTPUT = 5, 8, 130  # helpers: bpf_ktime_get_ns, bpf_get_smp_processor_id, bpf_ringbuf_output
NO_WAKEUP = 1  # BPF_RB_NO_WAKEUP: whoever reads looks by himself, so that no frame pays for waking him
WINDOW_BITS = 24  # of ns: a budget begins anew every 17 ms
RECORD = offset_of("when")  # what a ring buffer holds begins here
HEADER = offset_of("frame") - RECORD  # and its frame there
RECORDED, PROGRAMS, RING = range(3)  # the tables, as `emit` counts them
OTHERWISE = {"xdp": 2, "tcx": -1}  # XDP_PASS, TCX_NEXT: if the record is not there, which cannot be


@dataclass(frozen=True)
class Wish:
    """What a tap wants. `reasons`: none are all; `host`: Host.number, None: any; `snap`: bytes of a frame; `rate`: frames a
    second on a CPU, at most.
    """

    reasons: Collection[Reason] = ()
    host: int | None = None
    expression: Expression | None = None
    snap: int = SNAP
    rate: int = 50_000


def tap_program(wish: Wish, number: int, programs: Table, ring: Table, kind: ProgramKind = "xdp") -> Image:
    """The program for tap `number`. TooLarge."""
    if wish.expression:
        size.require([wish.expression])
    writer = Writer()
    key, out, done = writer.variable(), writer.name(), writer.name()
    writer.put(f"  store i32 0, ptr {key}, align 4")
    record = writer.let(f"call ptr inttoptr (i64 {LOOK_UP} to ptr)(ptr {emit.table(writer, RECORDED)}, ptr {key})")
    writer.leave(writer.let(f"icmp eq ptr {record}, null"), out)
    asked(writer, record, wish, done)
    matched(writer, record, wish, done)
    within(writer, record, wish, number, done)
    written(writer, record, wish, number, kind)
    writer.go(done)
    writer.block(done)
    onward(writer, record, number)
    action = writer.let(f"load i64, ptr {field(writer, record, 'action')}, align 8")
    writer.put(f"  ret i32 {writer.let(f'trunc i64 {action} to i32')}")
    writer.block(out)
    writer.put(f"  ret i32 {OTHERWISE[kind]}")
    tables = (TAPPED, programs, ring)
    code, references = emit.build(writer, [table.name for table in tables])
    return Image(f"tap_{number}", kind, code, references, tables, (), "", flags=HAS_FRAGMENTS if kind == "xdp" else 0)


def field(writer: Writer, record: str, name: str) -> str:
    """Where a field of the record lies."""
    return at(writer, record, offset_of(name))


def asked(writer: Writer, record: str, wish: Wish, no: str) -> None:
    """On if reason and host are those that are wanted."""
    if wish.reasons:
        reason = wide(writer, record, "reason", 16)
        words = [sum(1 << (one & 63) for one in wish.reasons if one >> 6 == place) for place in range(FRONT_REASONS // 64)]
        later = writer.let(f"icmp ugt i64 {reason}, 63")
        bits = writer.let(f"select i1 {later}, i64 {words[1]}, i64 {words[0]}")
        bit = writer.let(f"lshr i64 {bits}, {writer.let(f'and i64 {reason}, 63')}")
        writer.leave(writer.let(f"icmp eq i64 {writer.let(f'and i64 {bit}, 1')}, 0"), no)
    if wish.host is not None:
        host = writer.let(f"load i32, ptr {field(writer, record, 'host')}, align 4")
        writer.leave(writer.let(f"icmp ne i32 {host}, {wish.host}"), no)


def matched(writer: Writer, record: str, wish: Wish, no: str) -> None:
    """On if the expression matches, if there is one."""
    if not wish.expression:
        return
    captured, length, begin = (wide(writer, record, *one) for one in (("captured",), ("length",), ("begin", 16)))
    copy = Copy(field(writer, record, "frame"), SNAP, captured, length, begin)
    one = loads(writer, copy, wish.expression)
    found = writer.name()
    ways = matching(writer, [wish.expression], lambda _: one, found)
    writer.block(found)
    writer.leave(writer.let(f"icmp eq i32 {writer.join(ways)}, 0"), no)


def within(writer: Writer, record: str, wish: Wish, number: int, no: str) -> None:
    """On while the budget lasts; and when it was, and on which CPU."""
    now = writer.let(f"call i64 inttoptr (i64 {NOW} to ptr)()")
    writer.put(f"  store i64 {now}, ptr {field(writer, record, 'when')}, align 8")
    cpu = writer.let(f"trunc i32 {writer.let(f'call i32 inttoptr (i64 {CPU} to ptr)()')} to i16")
    writer.put(f"  store i16 {cpu}, ptr {field(writer, record, 'cpu')}, align 2")
    window = writer.let(f"lshr i64 {now}, {WINDOW_BITS}")
    last = writer.let(f"load i64, ptr {own(writer, record, number, 'window')}, align 8")
    spent = writer.let(f"load i64, ptr {own(writer, record, number, 'spent')}, align 8")
    fresh = writer.let(f"icmp ne i64 {last}, {window}")
    before = writer.let(f"select i1 {fresh}, i64 0, i64 {spent}")
    writer.put(f"  store i64 {window}, ptr {own(writer, record, number, 'window')}, align 8")
    writer.put(f"  store i64 {writer.let(f'add i64 {before}, 1')}, ptr {own(writer, record, number, 'spent')}, align 8")
    most = max(1, (wish.rate << WINDOW_BITS) // 1_000_000_000)
    over, on = writer.name(), writer.name()
    writer.branch(writer.let(f"icmp uge i64 {before}, {most}"), over, on)
    writer.block(over)
    add_one(writer, own(writer, record, number, "over"))
    writer.go(no)
    writer.block(on)


def written(writer: Writer, record: str, wish: Wish, number: int, kind: ProgramKind) -> None:
    """Into the ring buffer, if there is room."""
    writer.put(f"  store i16 {int(kind == 'tcx')}, ptr {field(writer, record, 'tcx')}, align 2")
    captured = writer.let(f"load i32, ptr {field(writer, record, 'captured')}, align 4")
    snap = max(1, min(wish.snap, SNAP))
    less = writer.let(f"icmp ult i32 {captured}, {snap}")
    size = opaque(writer, writer.let(f"zext i32 {writer.let(f'select i1 {less}, i32 {captured}, i32 {snap}')} to i64"))
    bounded = writer.let(f"add i64 {writer.let(f'and i64 {size}, {2 * SNAP - 1}')}, {HEADER}")
    sized = writer.let(f"icmp ugt i64 {bounded}, {HEADER + SNAP}")
    whole = writer.let(f"select i1 {sized}, i64 {HEADER + SNAP}, i64 {bounded}")
    ring = emit.table(writer, RING)
    begin = at(writer, record, RECORD)
    failed = writer.let(f"call i64 inttoptr (i64 {OUTPUT} to ptr)(ptr {ring}, ptr {begin}, i64 {whole}, i64 {NO_WAKEUP})")
    lost, kept, after = writer.name(), writer.name(), writer.name()
    writer.branch(writer.let(f"icmp ne i64 {failed}, 0"), lost, kept)
    for block, counter in ((lost, "lost"), (kept, "taken")):
        writer.block(block)
        add_one(writer, own(writer, record, number, counter))
        writer.go(after)
    writer.block(after)


def onward(writer: Writer, record: str, number: int) -> None:
    """To the next tap that wants the frame, if there is one."""
    wanted = writer.let(f"load i64, ptr {field(writer, record, 'wanted')}, align 8")
    for other in reversed(range(number)):
        here, past = writer.name(), writer.name()
        bit = writer.let(f"and i64 {wanted}, {1 << other}")
        writer.branch(writer.let(f"icmp ne i64 {bit}, 0"), here, past)
        writer.block(here)
        jump = f"inttoptr (i64 {TAIL_CALL} to ptr)"
        writer.let(f"call i64 {jump}(ptr %context, ptr {emit.table(writer, PROGRAMS)}, i32 {other})")
        writer.go(past)
        writer.block(past)


def own(writer: Writer, record: str, number: int, name: str) -> str:
    """Where a field of what belongs to the tap lies."""
    return at(writer, record, offset_of("taps") + number * TAP_OF_SIZE + offset_of(name, TapOf))


def wide(writer: Writer, record: str, name: str, bits: int = 32) -> str:
    """A field of the record as an i64."""
    value = writer.let(f"load i{bits}, ptr {field(writer, record, name)}, align {bits // 8}")
    return writer.let(f"zext i{bits} {value} to i64")


def add_one(writer: Writer, place: str) -> None:
    """To a counter."""
    more = writer.let(f"add i64 {writer.let(f'load i64, ptr {place}, align 8')}, 1")
    writer.put(f"  store i64 {more}, ptr {place}, align 8")
