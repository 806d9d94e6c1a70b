"""eBPF in the kernel, native code and libpcap's own interpreter agree on every expression and every frame of the corpus."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache

import pytest
from kernel_ground import needs_root

from hardtack.image import ProgramKind
from hardtack.kernel import programs
from hardtack.kernel.bpf import BpfError, privileged
from hardtack.kernel.programs import Program
from hardtack.pcap import size
from hardtack.pcap.libpcap import Expression, ExpressionError, compile
from hardtack.pcap.native import Batch, Matcher
from hardtack.pcap.programs import matcher
from pcap.corpus import EXPRESSIONS
from pcap.frames import captured, generated
from pcap.judges import Libpcap, in_buffers

FIRST_BUFFERS = (14, 17, 20, 22, 30, 34, 37, 40, 47, 54, 56, 60)  # bytes


@cache
def expressions() -> list[Expression]:
    """The corpus, compiled."""
    return [compile(text) for text in EXPRESSIONS]


@cache
def frames() -> list[bytes]:
    """All that are to be judged."""
    return generated() + (captured() if privileged() else [])


@cache
def expected(expression: Expression) -> list[bool]:
    """What libpcap says of each frame."""
    judge = Libpcap(expression)
    return [judge.match(frame) for frame in frames()]


def test_the_corpus_is_large_and_matches() -> None:
    assert len(set(EXPRESSIONS)) >= 300
    matches = sum(sum(expected(expression)) for expression in expressions())
    assert matches / (len(expressions()) * len(frames())) > 1 / 3
    never = [expression.text for expression in expressions() if not any(expected(expression))]
    assert len(never) < 30, never


def test_native_code_agrees() -> None:
    """Also on frames that were captured in part, where `len` is what was on the wire."""
    whole = Batch(frames())
    pieces = [(frame[:cut], len(frame)) for frame in frames()[::3] for cut in (14, 40, 70)]
    cut = Batch([frame for frame, _ in pieces], [length for _, length in pieces])
    for expression in expressions():
        native, judge = Matcher([expression]), Libpcap(expression)
        assert list(map(bool, whole.run(native))) == expected(expression), expression.text
        assert list(map(bool, cut.run(native))) == [judge.match(*piece) for piece in pieces], expression.text


@needs_root
@pytest.mark.parametrize(("kind", "step"), [("xdp", 1), ("tcx", 4)])
def test_ebpf_agrees(kind: ProgramKind, step: int) -> None:
    """XDP also wherever the first buffer ends."""
    places = list(takes(kind))
    assert len(places) > 200
    for expression in expressions()[::step]:
        image, answers = matcher([expression], kind), expected(expression)
        assert len(image.instructions) // 8 < size.FRAME + size.estimate(expression), expression.text
        with programs.load(image, {}) as program:
            for index in places:
                verdict = program.test_run(frames()[index]).verdict
                assert verdict == answers[index], (expression.text, frames()[index].hex())
            if kind == "xdp":
                check_buffers(program, expression)


def takes(kind: ProgramKind) -> Iterator[int]:
    """The frames that BPF_PROG_TEST_RUN can be given: of some 9 KB at most; for tcx 3.4 KB, and with whole IP headers."""
    with programs.load(matcher([compile("tcp")], kind), {}) as program:
        for index, frame in enumerate(frames()):
            with suppress(BpfError):
                program.test_run(frame)
                yield index


def check_buffers(program: Program, expression: Expression) -> None:
    """Some frames, cut in two somewhere."""
    choice, judge = random.Random(expression.text), Libpcap(expression)
    for frame in choice.sample([frame for frame in frames() if 60 < len(frame) < 2000], 25):
        first = choice.choice(FIRST_BUFFERS)
        assert in_buffers(program, frame, first) == judge.match(frame), (expression.text, frame.hex(), first)


@needs_root
def test_packets_without_ethernet_agree() -> None:
    """A test's frames have Ethernet at tcx, too; but the kernel says where the packet begins."""
    places = list(takes("tcx"))
    packets = [frames()[index][14:] for index in places]
    batch = Batch(packets)
    for text in EXPRESSIONS[::4]:
        with suppress(ExpressionError):  # Ethernet's own
            expression = compile(text, "ip")
            judge = Libpcap(expression)
            answers = [judge.match(packet) for packet in packets]
            assert list(map(bool, batch.run(Matcher([expression])))) == answers, text
            with programs.load(matcher([expression], "tcx"), {}) as program:
                assert [bool(program.test_run(frames()[index]).verdict) for index in places] == answers, text


@needs_root
def test_the_first_of_a_list_agrees() -> None:
    """Native code and eBPF, programs of many expressions in any order."""
    choice, batch = random.Random(4), Batch(frames())
    for many in (2, 10, 40):
        chosen = choice.sample(expressions(), many)
        positions = [first(matches) for matches in zip(*map(expected, chosen), strict=True)]
        assert batch.run(Matcher(chosen)) == positions
        with programs.load(matcher(chosen), {}) as program:
            assert [program.test_run(frame).verdict for frame in frames()] == positions
            for frame, position in zip(frames(), positions, strict=True):
                if 60 < len(frame) < 2000:  # one expression's load may fail, and the next one's be in another buffer
                    assert in_buffers(program, frame, choice.choice(FIRST_BUFFERS)) == position


def first(matches: Sequence[bool]) -> int:
    """The position of the first that is true, from 1; 0 for none."""
    return next((position for position, match in enumerate(matches, 1) if match), 0)
