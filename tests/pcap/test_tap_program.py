"""The program of a tap: it reads the copy of a frame as libpcap reads the frame, and keeps to what was asked for."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

import numpy as np
import pytest
from kernel_ground import needs_root

from hardtack.control.taps import ABOUT
from hardtack.engines.tap_program import HEADER, Wish, tap_program
from hardtack.image import ONLY, ProgramKind
from hardtack.kernel import maps, programs
from hardtack.kernel.maps import Map, possible_cpus
from hardtack.kernel.programs import Program
from hardtack.kernel.ringbuf import RingBuffer
from hardtack.packet.reasons import Reason
from hardtack.packet.tap_tables import MOST_TAPS, SNAP, TAP_PROGRAMS, TAPPED, Tapped
from hardtack.pcap.libpcap import ExpressionError, compile
from pcap.corpus import EXPRESSIONS
from pcap.frames import generated
from pcap.judges import Libpcap

pytestmark = needs_root
ETHERNET = 14
ANY = bytes(60)


@dataclass
class Ground:
    """One tap's tables and ring buffer."""

    tapped: Map
    chain: Map
    ring: RingBuffer
    parts: ExitStack

    def load(self, wish: Wish, number: int = 0, kind: ProgramKind = "xdp") -> Program:
        """The tap's program, in its place in the chain."""
        tables = {TAPPED.name: self.tapped, TAP_PROGRAMS.name: self.chain, self.ring.table.name: self.ring.map}
        image = tap_program(wish, number, TAP_PROGRAMS, self.ring.table, kind)
        program = self.parts.enter_context(programs.load(image, tables))
        if kind == "xdp":
            self.chain.update(struct.pack("=I", number), struct.pack("=I", program.fd))
        return program

    def put(self, frame: bytes, reason: Reason = Reason.stray_ack, wanted: int = 1, begin: int = ETHERNET) -> None:
        """What the packet program leaves in the table."""
        record = np.zeros(1, Tapped)
        record["frame"][0, : min(len(frame), SNAP)] = np.frombuffer(frame[:SNAP], np.uint8)
        record["length"], record["captured"], record["begin"] = len(frame), min(len(frame), SNAP), begin
        record["wanted"], record["reason"], record["host"], record["action"] = wanted, reason, 3, 1
        self.tapped.update_all(ONLY, [record.tobytes()] * possible_cpus())

    def came(self) -> list[bytes]:
        """The frames in the ring buffer."""
        return [record[HEADER : HEADER + ABOUT.unpack_from(record)[3]] for record in self.ring.records()]


@contextmanager
def made() -> Iterator[Ground]:
    with ExitStack() as parts:
        tapped, chain = (parts.enter_context(maps.create(table)) for table in (TAPPED, TAP_PROGRAMS))
        yield Ground(tapped, chain, parts.enter_context(RingBuffer(1 << 16)), parts)


@pytest.fixture
def ground() -> Iterator[Ground]:
    with made() as one:
        yield one


@pytest.mark.parametrize("kind", ["xdp", "tcx"])
def test_an_expression_sees_the_copy_as_libpcap_sees_the_frame(kind: ProgramKind) -> None:
    """At tcx the expression is about the packet behind whatever it begins with."""
    frames = [frame for frame in generated() if ETHERNET < len(frame) <= SNAP - 16][::7]
    matched = 0
    for text in EXPRESSIONS[:: 6 if kind == "xdp" else 12]:
        with suppress(ExpressionError), made() as ground:  # Ethernet's own have no meaning for packets
            expression = compile(text, "ethernet" if kind == "xdp" else "ip")
            judge, program = Libpcap(expression), ground.load(Wish(expression=expression, rate=10_000_000), kind=kind)
            for frame in frames:
                ground.put(frame)
                assert program.test_run(ANY).verdict == 1
                expected = judge.match(frame if kind == "xdp" else frame[ETHERNET:])
                assert ground.came() == ([frame] if expected else []), (text, frame.hex())
                matched += expected
    assert matched > 100


def test_reason_host_and_length(ground: Ground) -> None:
    frame = bytes(range(200))
    program = ground.load(Wish(reasons=[Reason.stray_ack, Reason.answered], host=3, snap=100))
    for reason, expected in ((Reason.stray_ack, [frame[:100]]), (Reason.answered, [frame[:100]]), (Reason.martian, [])):
        ground.put(frame, reason)
        program.test_run(ANY)
        assert ground.came() == expected
    ground.put(frame)
    ground.load(Wish(host=4)).test_run(ANY)
    assert ground.came() == []


def test_several_taps_one_after_another(ground: Ground) -> None:
    loaded = [ground.load(Wish(), number) for number in range(MOST_TAPS)]
    for wanted, first in ((0b1111, 3), (0b0101, 2), (0b0010, 1)):
        ground.put(ANY, wanted=wanted)
        assert loaded[first].test_run(ANY).verdict == 1
        assert len(ground.came()) == wanted.bit_count()


def test_a_budget_and_a_full_buffer_are_counted(ground: Ground) -> None:
    """60 frames a second are one in 17 ms: of many at once nearly all are beyond that."""
    slow, quick = ground.load(Wish(rate=60)), ground.load(Wish(rate=10_000_000), 1)
    ground.put(bytes(2000), wanted=1)
    for _ in range(50):
        slow.test_run(ANY)
    tally = np.frombuffer(b"".join(ground.tapped.lookup_all(ONLY)), Tapped)["taps"]
    assert tally["over"][:, 0].sum() + tally["taken"][:, 0].sum() == 50
    assert tally["over"][:, 0].sum() > 0
    assert len(ground.came()) == tally["taken"][:, 0].sum()
    ground.put(bytes(2000), wanted=2)
    for _ in range(50):
        quick.test_run(ANY)
    tally = np.frombuffer(b"".join(ground.tapped.lookup_all(ONLY)), Tapped)["taps"]
    assert tally["taken"][:, 1].sum() == len(ground.came()) >= 30
    assert tally["lost"][:, 1].sum() == 50 - tally["taken"][:, 1].sum()
