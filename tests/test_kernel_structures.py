"""Where members of kernel structures lie, against a twin that reads every record; and programs that are told so."""

from __future__ import annotations

import random
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from kernel_ground import image, needs_root

from hardtack.compiler.language import Pointer
from hardtack.compiler.objects import compiled
from hardtack.compiler.program import Source
from hardtack.compiler.told_later import field_offset
from hardtack.image import Image, ImageError, Reference
from hardtack.kernel import btf, programs, relocation
from hardtack.kernel.assembly import EXIT, LOAD_LONG_IMMEDIATE, op, returning
from hardtack.kernel.btf import BtfError
from hardtack.kernel.structures import member_places

needs_btf = pytest.mark.skipif(not btf.readable(), reason="this kernel shows no BTF")
INT, STRUCT, UNION, CONST = 1, 4, 5, 10
BITFIELDS = 1 << 31
FRAME = bytes(60)
RECEIVED, STAMP = "tcp_timewait_sock.tw_sk.__tw_common.skc_tw_rcv_nxt", "tcp_timewait_sock.tw_ts_recent"

received, stamp = field_offset(RECEIVED), field_offset(STAMP)


def entry(frame: Pointer) -> int:
    """A packet program that tells both places."""
    return received() << 16 | stamp()  # type: ignore[no-any-return]


@dataclass
class Record:
    """A type as the twin sees it; members are name, type, place in bits, size of a bitfield."""

    name: str
    kind: int
    refers: int
    members: list[tuple[str, int, int, int]]


def every_record(path: Path) -> list[Record]:
    """The twin: all types by id."""
    data = path.read_bytes()
    _, _, _, header, types, size, strings, _ = struct.unpack_from("=HBBIIIII", data)

    def text(at: int) -> str:
        start = header + strings + at
        return data[start : data.index(b"\0", start)].decode()

    found, at = [Record("", 0, 0, [])], header + types
    while at < header + types + size:
        name, info, refers = struct.unpack_from("=III", data, at)
        kind, members = info >> 24 & 31, []
        at += 12 + {1: 4, 3: 12, 14: 4, 17: 4}.get(kind, 0)
        for _ in range(info & 0xFFFF):
            if kind in (STRUCT, UNION):
                word, number, place = struct.unpack_from("=III", data, at)
                bits = (place & 0xFFFFFF, place >> 24) if info & BITFIELDS else (place, 0)
                members.append((text(word), number, *bits))
            at += {4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12}.get(kind, 0)
        found.append(Record(text(name), kind, refers, members))
    return found


def whole_members(records: list[Record], number: int, base: int = 0) -> Iterator[tuple[str, int]]:
    """Every member that has an address, and its place in bytes; those of anonymous members too."""
    for name, kind, place, size in records[number].members:
        if name and not size and (base + place) % 8 == 0:
            yield name, (base + place) // 8
        while not name and records[kind].kind == CONST:
            kind = records[kind].refers
        if not name and records[kind].kind in (STRUCT, UNION):
            yield from whole_members(records, kind, base + place)


@needs_btf
def test_same_places_as_the_twin() -> None:
    records = every_record(btf.VMLINUX)
    names = Counter(record.name for record in records if record.kind == STRUCT)
    single = [number for number, record in enumerate(records) if record.kind == STRUCT and names[record.name] == 1]
    wanted: dict[str, int] = {}
    for number in random.Random(2).sample(single, 100):
        for name, place in whole_members(records, number):
            wanted.setdefault(f"{records[number].name}.{name}", place)
    assert len(wanted) > 300
    assert member_places(wanted) == wanted


@needs_btf
def test_a_member_of_a_member() -> None:
    inner = member_places(["tcp_timewait_sock.tw_sk", "inet_timewait_sock.__tw_common", "sock_common.skc_tw_rcv_nxt"])
    assert member_places([RECEIVED]) == {RECEIVED: sum(inner.values())}


@needs_btf
@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("no_such_struct.x", "no struct no_such_struct"),
        ("tcp_v4_rcv.x", "no struct tcp_v4_rcv"),
        ("tcp_timewait_sock.no_such", r"no tcp_timewait_sock.no_such \(no_such is missing\)"),
        ("sock_common.skc_family.x", r"\(x is missing\)"),
        ("sock_common.skc_prot.name", r"\(name is missing\)"),  # behind a pointer: another structure
        ("sock_common.skc_reuse", "a bitfield"),
    ],
)
def test_what_the_kernel_lacks_is_told_in_a_line(path: str, told: str) -> None:
    with pytest.raises(BtfError, match=told) as error:
        member_places([path])
    assert "\n" not in str(error.value)


def blob(*records: tuple[int, ...], names: bytes) -> bytes:
    """BTF of these records, given as words."""
    types = b"".join(struct.pack(f"={len(words)}I", *words) for words in records)
    return struct.pack("=HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(types), len(types), len(names)) + types + names


def test_a_small_blob(tmp_path: Path) -> None:
    """struct s { const union { int a; struct { int : 3 bits as b; int c; }; }; int d; };"""
    path = tmp_path / "btf"
    path.write_bytes(
        blob(
            (1, STRUCT << 24 | 2, 12, 0, 3, 0, 9, 2, 64),
            (3, INT << 24, 4, 32),
            (0, CONST << 24, 4),
            (0, UNION << 24 | 2, 8, 5, 2, 0, 0, 5, 0),
            (0, STRUCT << 24 | BITFIELDS | 2, 8, 11, 2, 3 << 24, 7, 2, 32),
            names=b"\0s\0i\0a\0c\0d\0b\0",
        )
    )
    assert member_places(["s.a", "s.c", "s.d"], path) == {"s.a": 0, "s.c": 4, "s.d": 8}
    for unlike in ("s.b", "s.x", "i.a", "s.d.a"):
        with pytest.raises(BtfError):
            member_places([unlike], path)


def telling(path: str, opcode: int = LOAD_LONG_IMMEDIATE) -> Image:
    """A program whose verdict is the place."""
    return image(op(opcode) + op(0) + op(EXIT), references=(Reference(0, "field", path),))


@needs_btf
@needs_root
@pytest.mark.parametrize("path", [RECEIVED, STAMP, "sock_common.skc_daddr"])
def test_a_program_is_told_the_place(path: str) -> None:
    with programs.load(telling(path), {}) as program:
        assert program.test_run(FRAME).verdict == member_places([path])[path]


@needs_btf
@needs_root
def test_a_compiled_program_too() -> None:
    made = compiled(Source("places", "test_kernel_structures:entry", "xdp", ()))
    assert {(reference.kind, reference.name) for reference in made.references} == {("field", RECEIVED), ("field", STAMP)}
    places = member_places([RECEIVED, STAMP])
    with programs.load(Image.loads(made.dumps()), {}) as program:
        assert program.test_run(FRAME).verdict == places[RECEIVED] << 16 | places[STAMP]


@needs_btf
def test_a_program_that_cannot_be_told_is_named() -> None:
    with pytest.raises(BtfError, match="program test: this kernel has no struct nothing_like_it"):
        relocation.fill(telling("nothing_like_it.x"), {})


@needs_btf
def test_an_instruction_that_cannot_hold_a_place() -> None:
    with pytest.raises(ImageError, match="cannot refer to"):
        relocation.fill(telling(STAMP, opcode=returning(0)[0]), {})
