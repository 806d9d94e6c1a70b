"""Damaged captures: what is before the damage is found, what is wrong is said, and no byte is read that is not there."""

from __future__ import annotations

import ctypes
import os
import random
import signal
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from captures.guarded import ends, guarded
from captures.walked import Frame, Walked, Walker
from captures.written import NS, Order, Pcapng, Shot, pcap, pcapng
from hardtack.captures.damage import Damaged, NotACapture
from hardtack.captures.native import records
from hardtack.captures.native.blocks import LONGEST
from hardtack.captures.native.records import MOST_BLOCK, MOST_FRAME, MOST_INTERFACES, ROOM, Job, Reader
from hardtack.captures.native.rewrite import REWRITE
from hardtack.captures.reading import Input
from hardtack.captures.walking import Walk as Walking
from hardtack.compiler.checked import CheckedProgram
from hardtack.compiler.native import NativeProgram

STEADY = settings(deadline=None, derandomize=True, database=None, max_examples=400)
BEGIN = 1_795_866_218_000_000_000
SHOTS = [Shot(b"first", BEGIN), Shot(b"", BEGIN + 1), Shot(b"third frame of all", BEGIN + 2, 99), Shot(b"4444", BEGIN + 3)]
FRAMES = [Frame(0, shot.time, shot.wire, shot.frame) for shot in SHOTS]
ORDERS: tuple[Order, ...] = ("<", ">")
Walk = Callable[[bytes], Walked]


@pytest.fixture(scope="module")
def walker() -> Walker:
    return Walker()


@pytest.fixture
def walk(walker: Walker, tmp_path: Path) -> Walk:
    path = tmp_path / "damaged.pcap"

    def walked(data: bytes) -> Walked:
        path.write_bytes(data)
        return walker.walk(path)

    return walked


def mixed(order: Order = "<") -> bytes:
    """pcapng with blocks of every kind."""
    made = Pcapng().section(order).interface(resolution=9).block(5, bytes(20)).packet(SHOTS[0]).old_packet(SHOTS[1])
    made.block(0x0BAD, b"nobody knows").section(order).interface(1, resolution=9).interface(101)
    return made.packet(SHOTS[2], made.option(1, b"comment")).packet(SHOTS[3]).data


def whole(data: bytes, order: Order) -> list[int]:
    """Where each frame's record ends, by the files' own lengths."""
    ends, at = list[int](), 24
    if data[:4] == b"\n\r\r\n":
        at = 0
        while at < len(data):
            kind, size = struct.unpack_from(f"{order}II", data, at)
            at += size
            ends += [at] if kind in (2, 3, 6) else []
    else:
        while at < len(data):
            at += 16 + struct.unpack_from(f"{order}I", data, at + 8)[0]
            ends.append(at)
    return ends


def test_cut_at_every_byte(walk: Walk) -> None:
    for order in ORDERS:
        for data in (pcap(SHOTS, order, NS), pcapng(SHOTS, order), mixed(order)):
            ends = whole(data, order)
            assert len(ends) == len(SHOTS)
            for end in range(4, len(data)):
                found = walk(data[:end])
                count = sum(one <= end for one in ends)
                assert found.frames == FRAMES[:count], end
                if found.damage:
                    assert found.damage.frames == count and found.damage.offset <= end and found.damage.status == 1
                    assert f"byte {found.damage.offset:,}, " in str(found.damage) and "damaged.pcap" in str(found.damage)
                else:
                    assert end == 24 or end in ends or data[:4] == b"\n\r\r\n", "cut within a record, and nothing said"


def test_flipped_bytes(walk: Walk) -> None:
    """Whatever they say then: what comes before them stands."""
    files = [(data, whole(data, order)) for order in ORDERS for data in (pcap(SHOTS, order, NS), mixed(order))]

    @given(
        st.sampled_from(files),
        st.lists(st.tuples(st.integers(4, 500), st.integers(1, 255)), min_size=1, max_size=4),
        st.integers(0, 40),
    )
    @STEADY
    def stands(file: tuple[bytes, list[int]], flips: list[tuple[int, int]], more: int) -> None:
        data, ends = bytearray(file[0]), file[1]
        places = [place % (len(data) - 4) + 4 for place, _ in flips]
        for place, (_, bits) in zip(places, flips, strict=True):
            data[place] ^= bits
        count = sum(end <= min(places) for end in ends)
        try:
            found = walk(bytes(data) + bytes(more))
        except NotACapture:
            return
        assert found.frames[:count] == FRAMES[:count]

    stands()


def block(kind: int, body: bytes, size: int | None = None, last: int | None = None) -> bytes:
    """One whose lengths may lie."""
    right = 12 + len(body)
    said = right if size is None else size
    return struct.pack("<II", kind, said) + body + struct.pack("<I", said if last is None else last)


HEAD = Pcapng().section().interface(resolution=9).packet(SHOTS[0]).data
RECORD = pcap(SHOTS[:1], magic=NS)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (RECORD + struct.pack("<IIII", 1, 0, MOST_FRAME + 1, 60), "a frame of 262,145 captured bytes: the limit is 262,144"),
        (RECORD + struct.pack("<IIII", 1, 0, 0xFFFFFFFF, 60), "a frame of 4,294,967,295 captured bytes"),
        (RECORD + struct.pack("<IIII", 1, 0, 60, 60) + bytes(59), "it ends within a record"),
        (HEAD + block(5, b"", 8), "a block of 8 bytes: one of its type has at least 12"),
        (HEAD + block(5, b"", 0), "a block of 0 bytes"),
        (HEAD + block(5, b"1234", 15), "a block of 15 bytes, which is not a multiple of 4"),
        (HEAD + block(5, b"1234", last=20), "the length at the end of a block is 20, at its beginning 16"),
        (HEAD + block(5, b"1234", 0xFFFFFFF0), "it ends within a block"),
        (HEAD + block(6, bytes(20), last=36), "the length at the end of a block is 36, at its beginning 32"),
        (HEAD + block(6, bytes(16)), "a block of 28 bytes: one of its type has at least 32"),
        (HEAD + block(3, b""), "a block of 12 bytes: one of its type has at least 16"),
        (HEAD + block(6, bytes(20), MOST_BLOCK + 4), "a block of 16,777,220 bytes: the limit is 16,777,216"),
        (HEAD + block(6, struct.pack("<IIIII", 1, 0, 0, 0, 0)), "a frame of interface 1: 1 interfaces are described"),
        (HEAD + block(2, struct.pack("<HHIIII", 65535, 0, 0, 0, 0, 0)), "a frame of interface 65,535"),
        (HEAD + block(6, struct.pack("<IIIII", 0, 0, 0, 1, 1)), "a frame of 1 captured bytes in a block that has room"),
        (
            HEAD + block(6, struct.pack("<IIIII", 0, 0, 0, 300_000, 1) + bytes(300_000)),
            "a frame of 300,000 captured bytes: the limit",
        ),
        (HEAD + block(1, bytes(4)), "a header of 16 bytes"),
        (HEAD + block(1, bytes(8), last=16), "the length at the end of a header is 16, at its beginning 20"),
        (HEAD + block(1, bytes(8) + struct.pack("<HH", 9, 100)), "an option of 100 bytes, where 0 are left in the block"),
        (HEAD + block(1, bytes(8)) * MOST_INTERFACES, f"more than {MOST_INTERFACES} interfaces in a section"),
        (HEAD + block(0x0A0D0D0A, bytes(16)), "a section without a byte order: it has 00 00 00 00"),
        (HEAD + block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 2, 0, -1)), "version 2.0 of the format"),
        (HEAD + block(0x0A0D0D0A, struct.pack("<IHH", 0x1A2B3C4D, 1, 0)), "the header of a section has 20 bytes"),
        (HEAD + block(0x0A0D0D0A, struct.pack("<I", 0x1A2B3C4D), 1 << 30), "a header of 1,073,741,824 bytes"),
    ],
)
def test_lies(walk: Walk, data: bytes, words: str) -> None:
    found = walk(data)
    assert found.frames == FRAMES[:1]
    assert found.damage and words in str(found.damage) and found.damage.frames == 1, found.damage


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (RECORD[:23], "byte 0, before the first frame: it ends within a header, 23 bytes behind its beginning"),
        (struct.pack("<IHHIIII", 0xA1B2C3D4, 1, 2, 0, 0, 65535, 1), "version 1.2 of the format, where 2.4 is usual"),
        (HEAD[:20], "it ends within a header"),
        (b"\n\r\r\n" + bytes(40), "a section without a byte order"),
    ],
)
def test_damage_before_the_first_frame(walk: Walk, data: bytes, words: str) -> None:
    found = walk(data)
    assert found.frames == [] and found.damage and words in str(found.damage)


def test_a_file_that_shrinks_ends_there(walker: Walker, tmp_path: Path) -> None:
    """It is read, not mapped: nobody is killed for it."""
    path = tmp_path / "shrinking.pcap"
    with path.open("wb") as file:
        file.write(pcap([Shot(bytes(60_000))] * 100))
    walk = Walking()
    walk.job["count"] = 1
    walk.inputs.append(one := Input(path, walk.readers[0]))
    one.begin()
    os.truncate(path, 2_000_000)
    with pytest.raises(Damaged, match="it ends within a record"):
        while True:
            walk.meet(walker.program.call(walk.address))
    one.close()


class Guarded(Input):
    """All of a capture at the very end of memory: behind it is a page that nobody may touch."""

    def __init__(self, data: bytes, reader: np.void) -> None:
        self.path, self._reader, self._skipped = Path("guarded"), reader, {}
        self._buffer, self._base, end = guarded(len(data))
        begin = end - self._base - len(data)
        self._buffer[begin : begin + len(data)] = data
        self._position = -begin
        reader["head"], reader["tail"] = self._base + begin, self._base + begin + len(data)

    def fill(self) -> bool:
        """There is no more."""
        return False


def walk_guarded(program: NativeProgram, data: bytes) -> None:
    """Walk through it; whatever is wrong with it."""
    walk, blocks = Walking(), np.zeros(LONGEST + 4096, np.uint8)
    walk.write_to(blocks, lambda size: None)
    if isinstance(program, CheckedProgram):  # captures are where their readers say
        job, readers, slot = walk.address, walk.readers, int(walk.job["slot"]) - ROOM
        own = (job, Job.itemsize), (readers.ctypes.data, readers.nbytes), (slot, int(walk.job["room"]) - slot)
        captures = readers.ctypes.data, len(readers), Reader.itemsize
        program.permit(*own, (blocks.ctypes.data, blocks.nbytes), frames=captures)
    walk.job["count"] = 1
    walk.inputs.append(one := Guarded(data, walk.readers[0]))
    try:
        one.begin()
        while (outcome := program.call(walk.address)) != records.DONE:
            walk.meet(outcome)
    except (Damaged, NotACapture):
        pass


def cases() -> Iterator[bytes]:
    """Cut anywhere; flipped anywhere."""
    cooked = bytes.fromhex("0000000100060000000000000000" "0800") + b"packet"
    chance = random.Random(1)
    files = [make(order) for order in ORDERS for make in (mixed, lambda order: pcap(SHOTS, order, NS))]
    files += [pcap([Shot(cooked), Shot(cooked[:16]), Shot(cooked[:3])], link=link) for link in (0, 101, 113, 276)]
    for data in files:
        yield from (data[:end] for end in range(len(data) + 1))
        for _ in range(500):
            damaged = bytearray(data)
            for _ in range(chance.randint(1, 3)):
                damaged[chance.randrange(4, len(data))] = chance.choice((0, 1, 0x7F, 0xFF, chance.randrange(256)))
            yield bytes(damaged)


def test_nothing_is_read_behind_the_end(walker: Walker) -> None:
    """In a process of its own, which a read from the page behind would kill: that it would is tried first."""

    def beyond() -> None:
        reader = np.zeros(1, records.Reader)[0]
        Guarded(b"x", reader)
        ctypes.string_at(int(reader["tail"]), 1)

    def all_of_them() -> None:
        for data in cases():
            walk_guarded(walker.program, data)

    assert os.WTERMSIG(ends(beyond)) == signal.SIGSEGV
    assert ends(all_of_them) == 0


def test_nothing_else_is_touched() -> None:
    """Every access is checked before it is made: OutOfBounds."""
    program = CheckedProgram(REWRITE, {})
    for data in cases():
        walk_guarded(program, data)
