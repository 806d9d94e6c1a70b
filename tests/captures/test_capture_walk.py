"""Captures of every kind, walked through: the frames that were written are found, with their times and lengths."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from captures.walked import Frame, Walked, Walker
from captures.written import KUZNETZOV, NS, US, Order, Pcapng, Shot, pcap, pcapng
from hardtack.captures.damage import NotACapture
from hardtack.captures.native.records import MOST_FRAME
from hardtack.pcap.captures import Capture

ORDERS: tuple[Order, ...] = ("<", ">")
STEADY = settings(deadline=None, derandomize=True, database=None, max_examples=150)
IP4, IP6 = bytes.fromhex("4500001400000000400600000a0000010a000002"), b"\x60" + bytes(39)
OURS, SENDER = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
BEGIN = 1_795_866_218_000_000_000
SHOTS = (
    Shot(b"a frame of some length", BEGIN + 1000),
    Shot(b"", BEGIN + 2000),
    Shot(b"x", BEGIN + 3000),
    Shot(b"snapped", BEGIN + 5_000_000_000, 1500),
    Shot(bytes(65_550), BEGIN + 5_000_001_000),
    Shot(os.urandom(1513), BEGIN + 6_000_000_000),
)
Walk = Callable[[bytes], Walked]


@pytest.fixture(scope="module")
def walker() -> Walker:
    return Walker()


@pytest.fixture
def walk(walker: Walker, tmp_path: Path) -> Walk:
    """A file of this content, walked through."""

    def walked(data: bytes) -> Walked:
        path = tmp_path / "some.pcap"
        path.write_bytes(data)
        return walker.walk(path)

    return walked


def frames_of(shots: tuple[Shot, ...] | list[Shot], unit: int = 1) -> list[Frame]:
    """As they are found; `unit`: ns that times are told in."""
    return [Frame(0, shot.time // unit * unit, shot.wire, shot.frame) for shot in shots]


def test_pcap(walk: Walk) -> None:
    for order in ORDERS:
        for magic, unit in ((US, 1000), (NS, 1), (KUZNETZOV, 1000)):
            found = walk(pcap(SHOTS, order, magic))
            assert (found.frames, found.damage) == (frames_of(SHOTS, unit), None)
            assert int(found.walk.readers["snapped"][0]) == 1


def test_pcapng(walk: Walk) -> None:
    for order in ORDERS:
        assert walk(pcapng(SHOTS, order)).frames == frames_of(SHOTS)


def test_times_in_every_unit(walk: Walk) -> None:
    """if_tsresol: powers of 10 and of 2, coarse and finer than ns; if_tsoffset."""
    for resolution in (0, 3, 6, 9, 10, 0x80 | 1, 0x80 | 20, 0x80 | 30, 0x80 | 33):
        units = 2 ** (resolution & 0x7F) if resolution & 0x80 else 10**resolution
        ticks = SHOTS[0].time * units // 10**9
        assert walk(pcapng(SHOTS[:1], resolution=resolution)).frames[0].time == ticks * 10**9 // units, resolution
    # Of these there are not enough ticks in 64 bits for today
    for resolution, units in ((0x80 | 40, 2**40), (0x80 | 63, 2**63), (12, 10**12), (19, 10**19)):
        time = 2**64 // units * 10**9 // 2 + 10**9 // 3
        found = walk(Pcapng().section().interface(resolution=resolution).packet(Shot(b"x", time)).data)
        exact = time * units // 10**9 * 10**9 // units
        assert exact - 1 <= found.frames[0].time <= exact, resolution
    for resolution in (0x80, 30, 127, 0xFF):
        made = Pcapng().section().interface(resolution=resolution)
        made.units = [1]
        assert len(walk(made.packet(Shot(b"x", 10**9)).data).frames) == 1
    for offset in (1_000_000_000, -5):
        made = Pcapng().section(">").interface(resolution=9, offset=offset).packet(SHOTS[0], offset=offset)
        assert walk(made.data).frames == frames_of(SHOTS[:1])


def test_sections_interfaces_and_blocks_of_all_kinds(walk: Walk) -> None:
    made = Pcapng().section("<", length=12345)
    made.interface(101, resolution=6).interface(1, snap=64, resolution=9)
    made.block(5, bytes(20)).block(0x0BAD, os.urandom(3_000_001)).block(4, b"")
    made.packet(Shot(IP4, BEGIN)).packet(Shot(b"ethernet", BEGIN + 7, interface=1), made.option(1, b"a comment"))
    made.old_packet(Shot(b"old", BEGIN + 8, interface=1))
    made.section(">").interface(1, snap=4, resolution=9)
    made.simple_packet(Shot(b"simple", 0)).simple_packet(Shot(b"no", 0)).packet(Shot(b"last", BEGIN + 9))
    made.old_packet(Shot(b"older", BEGIN + 10))
    found = walk(made.data)
    assert found.damage is None
    assert found.frames == [
        Frame(0, BEGIN, 34, OURS + SENDER + b"\x08\x00" + IP4),
        Frame(0, BEGIN + 7, 8, b"ethernet"),
        Frame(0, BEGIN + 8, 3, b"old"),
        Frame(0, BEGIN + 8, 6, b"simp"),  # at the time of the frame before, cut to the interface's length
        Frame(0, BEGIN + 8, 2, b"no"),
        Frame(0, BEGIN + 9, 4, b"last"),
        Frame(0, BEGIN + 10, 5, b"older"),
    ]


def cooked(kind: int, protocol: int, sender: bytes = b"", v2: bool = False) -> bytes:
    """A header of Linux cooked captures."""
    padded = sender.ljust(8, b"\0")
    if v2:
        return struct.pack("!HxxIHBB", protocol, 3, 1, kind, len(sender)) + padded
    return struct.pack("!HHH", kind, 1, len(sender)) + padded + struct.pack("!H", protocol)


def test_frames_without_ethernet_are_given_a_header(walk: Walk) -> None:
    mac, v4, v6 = bytes.fromhex("5254001122ab"), b"\x08\x00", b"\x86\xdd"
    for link in (12, 14, 101, 228, 229):
        for packet, type_ in ((IP4, v4), (IP6, v6), (b"\x10", b"\0\0"), (b"", b"\0\0")):
            assert walk(pcap([Shot(packet)], link=link)).frames[0].frame == OURS + SENDER + type_ + packet, link
    for link in (0, 108):
        assert walk(pcap([Shot(b"\2\0\0\0" + IP4)], link=link)).frames[0].frame == OURS + SENDER + v4 + IP4
    for link in (113, 276):
        for kind, to in ((0, OURS), (1, b"\xff" * 6), (2, bytes.fromhex("01005e000001")), (3, OURS), (4, OURS)):
            for sender, told in ((mac, mac), (b"", SENDER), (bytes(8), SENDER)):
                head = cooked(kind, 0x86DD, sender, link == 276)
                found = walk(pcap([Shot(head + IP6, length=200)], link=link)).frames[0]
                assert found == Frame(0, Shot(b"").time // 1000 * 1000, 200 - len(head) + 14, to + told + v6 + IP6)
        short = walk(pcap([Shot(cooked(0, 0x800)[:15])], link=link)).frames[0]
        assert short.frame == b""  # nothing is left of it


def test_links_that_nobody_knows_are_skipped_and_counted(walk: Walk) -> None:
    made = Pcapng().section().interface(147).interface(1, resolution=9)
    made.packet(Shot(b"what", interface=0)).packet(Shot(b"frame", BEGIN, interface=1)).packet(Shot(b"what", interface=0))
    made.section().interface(147).packet(Shot(b"what"))
    found = walk(made.data)
    assert [one.frame for one in found.frames] == [b"frame"]
    assert found.walk.inputs[0].skipped() == {147: 3} and int(found.walk.readers["number"][0]) == 4


def test_longest_frames(walk: Walk) -> None:
    shots = [Shot(os.urandom(MOST_FRAME), BEGIN + number) for number in range(3)]
    for data in (pcap(shots, magic=NS, snap=1 << 31), pcapng(shots)):
        assert walk(data).frames == frames_of(shots)


def test_two_captures_in_the_order_of_time(walker: Walker, tmp_path: Path) -> None:
    paths = [tmp_path / "one", tmp_path / "other"]
    times = [[1, 5, 5, 9, 12], [2, 5, 6, 20, 21]]
    for path, some in zip(paths, times, strict=True):
        path.write_bytes(pcap([Shot(b"%d" % time, time * 1000) for time in some]))
    found = walker.walk(*paths)
    assert [(one.which, one.time // 1000) for one in found.frames] == [
        *((0, 1), (1, 2), (0, 5), (0, 5), (1, 5), (1, 6), (0, 9), (0, 12), (1, 20), (1, 21)),
    ]  # of equal times the first capture's is first
    paths[1].write_bytes(pcap([]))
    assert len(walker.walk(*paths).frames) == 5 and len(walker.walk(*reversed(paths)).frames) == 5


def test_a_pipe_is_as_good_as_a_file(walker: Walker, tmp_path: Path) -> None:
    """Whatever is read at a time."""
    pipe, data = tmp_path / "pipe", pcapng(SHOTS)
    os.mkfifo(pipe)
    if not os.fork():
        try:
            with pipe.open("wb", buffering=0) as file:
                for at in range(0, 200):
                    file.write(data[at : at + 1])
                file.write(data[200:])
        finally:
            os._exit(0)
    assert walker.walk(pipe).frames == frames_of(SHOTS)
    os.wait()


def test_memory_does_not_grow_with_the_file(walker: Walker, tmp_path: Path) -> None:
    """More than the buffer holds: what is walked through is dropped."""
    path, record = tmp_path / "long.pcap", pcap([Shot(bytes(60_000))])[24:]
    with path.open("wb") as file:
        file.write(pcap([]))
        for _ in range(500):
            file.write(record)
    found = walker.walk(path)
    assert len(found.frames) == 500 and found.walk.done == path.stat().st_size


# libpcap takes the seconds of pcap for signed ones
shots = st.builds(Shot, st.binary(max_size=80), st.integers(0, 2**31 * 10**9 - 1), st.just(0) | st.integers(80, 2000))


def test_libpcap_finds_the_same(walk: Walk, tmp_path: Path) -> None:
    @given(
        st.lists(shots, max_size=8),
        st.sampled_from(ORDERS),
        st.sampled_from([US, NS, KUZNETZOV, 0]),
        st.sampled_from([6, 9, 3, 0x80 | 10, 0x80 | 30]),
    )
    @STEADY
    def agrees(wanted: list[Shot], order: Order, magic: int, resolution: int) -> None:
        found = walk(pcap(wanted, order, magic) if magic else pcapng(wanted, order, resolution))
        with Capture(tmp_path / "some.pcap") as judge:
            packets = [*judge.packets()]
        expected = [Frame(0, one.seconds * 10**9 + one.nanoseconds, one.length, one.frame) for one in packets]
        assert found.frames == expected and found.damage is None

    agrees()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\x1f\x8b\x08\0" + bytes(100), "gzip: use `zcat"),
        (b"\x28\xb5\x2f\xfd" + bytes(100), "zstd"),
        (b"\xfd7zXZ\0" + bytes(100), "xz"),
        (b"BZh9" + bytes(100), "bzip2"),
        (b"GET / HTTP/1.1\r\n\r\n" + bytes(30), "not a capture file (pcap or pcapng): it begins with the bytes 47 45 54 20"),
        (b"\xd4\xc3", "not a capture file (pcap or pcapng): it has 2 bytes"),
    ],
)
def test_what_is_no_capture(walk: Walk, content: bytes, words: str) -> None:
    with pytest.raises(NotACapture) as refused:
        walk(content)
    assert words in str(refused.value) and refused.value.status == 2
