"""20,000 generated frames through eBPF, native code and the naive twin: same verdict, same reason, same bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from engines_under_test import PLENTY, SHORTEST, Ebpf, Native, Outcome, ebpf, twin
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from kernel_ground import needs_root
from naive.decide import REASONS
from strategies import frames, moments, syns

from hardtack.packet.reasons import Reason

WANTED = 20_000  # different frames
# Drawing a frame costs ten times what running it does: each goes through with a neighbour, and several make an example.
AT_ONCE = 40
TURNED = 128 * 8  # bits, from the frame's first on, one of which a neighbour has turned
HANDFULS = st.lists(st.tuples(frames(), moments(), st.integers(0, TURNED - 1)), min_size=AT_ONCE, max_size=AT_ONCE)
Handful = list[tuple[bytes, int, int]]
# Ten examples at a time: after ten Hypothesis begins to make examples from parts of old ones, and so the same frames again.
STEADY = settings(
    max_examples=10,
    deadline=None,
    database=None,  # the same frames everywhere: a failure in CI is one at home
    phases=[Phase.generate],  # the one frame at fault is named; to make its handful simpler takes minutes
    suppress_health_check=[HealthCheck.data_too_large, HealthCheck.too_slow, HealthCheck.large_base_example],
)
ROOMS = st.integers(0, 8) | st.just(PLENTY)  # bytes; an answer is longer than its SYN by 4 at the most
MTU, TAGGED, IPV4, IPV6 = 1514, (b"\x81\x00", b"\x88\xa8"), b"\x08\x00", b"\x86\xdd"
HEADERS_OF_IPV6 = (0, 43, 44, 60)


@pytest.fixture(scope="module")
def native() -> Native:
    return Native()


@pytest.fixture(scope="module")
def kernel() -> Iterator[Ebpf]:
    with ebpf() as engine:
        yield engine


def with_neighbours(handful: Handful) -> Iterator[tuple[bytes, int]]:
    """Each drawn frame and moment, and the frame with one bit turned."""
    for frame, now_ms, bit in handful:
        yield frame, now_ms
        if frame:
            turned = bytearray(frame)
            turned[bit // 8 % len(frame)] ^= 1 << bit % 8
            yield bytes(turned), now_ms


def told(frame: bytes, now_ms: int, outcomes: dict[str, Outcome]) -> str:
    """A disagreement, as one reads it."""
    said = "\n".join(f"  {name:7} {outcome}" for name, outcome in outcomes.items())
    return f"frame {frame.hex()} at {now_ms}:\n{said}"


def kinds(frame: bytes) -> Iterator[str]:
    """What is special about a frame, in words: for counting that all of it was really there."""
    if len(frame) < SHORTEST:
        yield "shorter than an Ethernet header"
    if not frame:
        yield "zero length"
    if len(frame) > MTU:
        yield "jumbo"
    at, tags = 12, 0
    while frame[at : at + 2] in TAGGED:
        at, tags = at + 4, tags + 1
    yield f"tags: {min(tags, 3)}"
    network = frame[at + 2 :]
    if frame[at : at + 2] == IPV4 and len(network) >= 20:
        yield "IPv4 options" if network[0] & 15 > 5 else "IPv4"
        if int.from_bytes(network[2:4], "big") > len(network):
            yield "IPv4 says more than there is"
    if frame[at : at + 2] == IPV6 and len(network) >= 40:
        yield "IPv6"
        if network[6] in HEADERS_OF_IPV6:
            yield "IPv6 extension headers"
        if network[4:6] == bytes(2):
            yield "IPv6 payload length 0"


SPECIAL = {
    *("shorter than an Ethernet header", "zero length", "jumbo", "tags: 0", "tags: 1", "tags: 2", "tags: 3"),
    *("IPv4", "IPv4 options", "IPv4 says more than there is"),
    *("IPv6", "IPv6 extension headers", "IPv6 payload length 0"),
}


def generated(runs: int, handfuls: st.SearchStrategy[Any], each: Callable[[Any], None]) -> None:
    """Ten examples a run, those of a run always the same."""
    for number in range(runs):
        seed(number)(STEADY(given(handfuls)(each)))()


@needs_root
def test_three_engines_agree_on_20_000_frames(kernel: Ebpf, native: Native) -> None:
    compared: set[bytes] = set()
    seen: Counter[str] = Counter()
    reasons: Counter[Reason] = Counter()

    def each(handful: Handful) -> None:
        for frame, now_ms in with_neighbours(handful):
            outcomes = {"twin": twin(frame, now_ms), "native": native.run(frame, now_ms)}
            if len(frame) >= SHORTEST:
                outcomes["eBPF"] = kernel.run(frame, now_ms)
                compared.add(frame)
            assert len(set(outcomes.values())) == 1, told(frame, now_ms, outcomes)
            reasons[outcomes["twin"].reason] += 1
            seen.update(kinds(frame))

    generated(35, HANDFULS, each)
    assert len(compared) >= WANTED, len(compared)
    assert {kind for kind, times in seen.items() if times >= 20} >= SPECIAL, seen
    assert {reason for reason, times in reasons.items() if times >= 20} == REASONS - {Reason.no_room}, reasons
    assert reasons[Reason.answered] > WANTED // 8, reasons


def test_native_code_agrees_without_root(native: Native) -> None:
    """Where the kernel may not be asked, at least some."""

    def each(handful: Handful) -> None:
        for frame, now_ms in with_neighbours(handful):
            outcomes = {"twin": twin(frame, now_ms), "native": native.run(frame, now_ms)}
            assert outcomes["native"] == outcomes["twin"], told(frame, now_ms, outcomes)

    generated(2, HANDFULS, each)


def test_native_code_and_twin_agree_on_how_much_room_it_takes(native: Native) -> None:
    reasons: Counter[Reason] = Counter()

    def each(handful: Handful) -> None:
        for frame, now_ms, room in handful:
            outcomes = {"twin": twin(frame, now_ms, room), "native": native.run(frame, now_ms, room)}
            assert outcomes["native"] == outcomes["twin"], told(frame, now_ms, outcomes)
            reasons[outcomes["twin"].reason] += 1

    generated(3, st.lists(st.tuples(syns(), moments(), ROOMS), min_size=AT_ONCE, max_size=AT_ONCE), each)
    assert reasons[Reason.no_room] >= 10 and reasons[Reason.answered] >= 100, reasons
