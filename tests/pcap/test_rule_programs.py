"""Programs of several expressions in the kernel: which one matches, and where they go on."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from kernel_ground import image, needs_root
from naive.frames import IPv6, Tcp, frame

from hardtack.image import ONLY, Image, Table
from hardtack.kernel import maps, programs
from hardtack.kernel.assembly import returning
from hardtack.kernel.maps import Map
from hardtack.kernel.programs import Program
from hardtack.pcap import size
from hardtack.pcap.libpcap import compile
from hardtack.pcap.programs import Onward, culprit, matcher, rule_program
from hardtack.pcap.size import MOST_EXPRESSIONS, TooLarge
from pcap.doubling import doubling

pytestmark = needs_root
RECORD = Table("record", "percpu_array", 4, 64, 1)
NEXT = Table("next", "prog_array", 4, 4, 8)
XDP_PASS, NEXT_ONE = 2, 77
RULES = ["udp", "tcp dst port 80", "ip6", "tcp"]
WEB, SIX = frame(tcp=Tcp(destination_port=80)), frame(IPv6(), Tcp(destination_port=81))
FRAMES = [(WEB, 2), (SIX, 3), (frame(), 4), (bytes(60), 0)]


@contextmanager
def ruled(rules: Sequence[str]) -> Iterator[tuple[Program, Map, Map]]:
    """The rules' program, its record and the program array that it goes on through."""
    made = rule_program([compile(rule) for rule in rules], Onward(RECORD, 12, NEXT, 5, XDP_PASS))
    with (
        maps.create(RECORD) as record,
        maps.create(NEXT) as table,
        programs.load(made, {"record": record, "next": table}) as program,
    ):
        yield program, record, table


@pytest.mark.parametrize(("sent", "position"), FRAMES)
def test_the_position_is_written_and_the_program_goes_on(sent: bytes, position: int) -> None:
    with ruled(RULES) as (program, record, table), programs.load(image(returning(NEXT_ONE), flags=32), {}) as after:
        assert program.test_run(sent).verdict == XDP_PASS  # nobody is there
        table.update(struct.pack("=I", 5), struct.pack("=I", after.fd))
        record.update(ONLY, b"\xff" * 64)
        ran = program.test_run(sent)
        assert (ran.verdict, ran.frame) == (NEXT_ONE, sent)
        expected = b"\xff" * 12 + struct.pack("=I", position) + b"\xff" * 48
        assert sorted(record.lookup_all(ONLY)) == sorted([expected] + [b"\xff" * 64] * (maps.possible_cpus() - 1))


@pytest.mark.parametrize(("sent", "position"), FRAMES)
@pytest.mark.parametrize("kind", ["xdp", "tcx"])
def test_the_first_that_matches(kind: str, sent: bytes, position: int) -> None:
    with programs.load(matcher([compile(rule) for rule in RULES], kind), {}) as program:  # type: ignore[arg-type]
        assert program.test_run(sent).verdict == position


def test_frames_without_ethernet() -> None:
    with programs.load(matcher([compile(rule, "ip") for rule in RULES], "tcx"), {}) as program:
        for sent, position in FRAMES:  # a test's frames have Ethernet: what the kernel says of the network header is heeded
            assert program.test_run(sent).verdict == position


def test_as_many_as_one_program_holds() -> None:
    rules = [compile(f"udp and src net 203.0.113.{number}/32") for number in range(MOST_EXPRESSIONS)]
    sent = bytearray(frame())
    sent[23], sent[26:30] = socket.IPPROTO_UDP, bytes((203, 0, 113, 255))
    with programs.load(matcher(rules), {}) as program:
        assert program.test_run(bytes(sent)).verdict == MOST_EXPRESSIONS
        assert program.verified < 100_000
    with pytest.raises(TooLarge, match="257 expressions are more than the limit of 256 for one program") as error:
        matcher([*rules, compile("tcp")])
    assert error.value.position == MOST_EXPRESSIONS + 1


def test_long_ones_are_counted_together() -> None:
    long = compile(" or ".join(f"port {port}" for port in range(100)))
    fit = next(many for many in range(MOST_EXPRESSIONS) if size.FRAME + (many + 1) * size.estimate(long) > size.MOST)
    with programs.load(matcher([long] * fit), {}) as program:
        assert program.test_run(WEB).verdict == 1
    with pytest.raises(TooLarge, match="makes the program longer than eBPF's jumps reach") as error:
        matcher([long] * (fit + 1))
    assert error.value.position == fit + 1


def refuses(image: Image) -> bool:
    """As a kernel would with a tenth of this one's patience. tests/fronts/test_refused_rules.py has a real one."""
    with programs.load(image, {}) as program:
        return program.verified > 100_000


def test_the_one_that_is_too_much_for_the_verifier_is_named() -> None:
    good = [compile(f"udp port {port}") for port in range(20)]
    assert culprit(good, refuses) == 0
    assert culprit([*good[:13], doubling(12), *good[13:]], refuses) == 14
    assert culprit([doubling(12)], refuses) == 1


def test_no_expressions_is_no_program() -> None:
    with pytest.raises(ValueError, match="one or more"):
        matcher([])
    with pytest.raises(ValueError, match="all for the same kind of frames"):
        matcher([compile("tcp"), compile("tcp", "ip")])
    with pytest.raises(ValueError, match="an XDP program sees Ethernet frames"):
        matcher([compile("tcp", "ip")])
