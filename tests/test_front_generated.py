"""20,000 generated frames through eBPF, native code and the naive twin: same reason, same bytes, same table in the end.

Half are anything there could be, half the traffic of a few connections; all three remember what came before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from random import Random
from typing import Any

from engines_under_test import PLENTY, SHORTEST, Ebpf, Native, Outcome, Twin, ebpf
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from kernel_ground import needs_root
from naive import world
from naive.decide import REASONS
from naive.state import State
from strategies import Event, frames, moments, syns, traffic
from tables_under_test import in_words, sources_in_words

from hardtack.packet.reasons import Reason

WANTED = 20_000  # different frames
RUNS = 25
# Drawing a frame costs ten times what running it does: each goes through with a neighbour, and several make an example.
AT_ONCE = 40
TURNED = 128 * 8  # bits, from the frame's first on, one of which a neighbour has turned
HANDFULS = st.lists(st.tuples(frames(), moments(), st.integers(0, TURNED - 1)), min_size=AT_ONCE, max_size=AT_ONCE)
Handful = list[tuple[bytes, int, int]]
# These take a limit that bites, or a frame without room: see rows/limits.py, test_skewed_cpus.py
LIMITS = {Reason.no_room, Reason.host_limit, Reason.total_limit, Reason.prefix_limit, Reason.prefix_cap, Reason.learn_limit}
LIMITS |= {Reason.teach_limit, Reason.guess_limit, Reason.newcomer_limit, Reason.frame_limit}
LIMITS |= {Reason.source_limit, Reason.source_waits, Reason.syn_limit}  # transcripts/challenges.txt, passing.txt
LIMITS |= {Reason.rule_limit, Reason.rule_source_limit, Reason.rule_drop}  # the last of them seldom: see rows/ruled.py
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


BOOTED, STEP = 3 << 32, 3  # ms


def state() -> State:
    """The world, in whose first seconds segments of unknown connections teach."""
    return world.state(grace_until=BOOTED + 12_000)


def with_neighbours(handful: Handful) -> Iterator[Event]:
    """Each drawn frame and moment, and the frame with one bit turned."""
    for frame, now_ms, bit in handful:
        yield Event("outside", frame, now_ms)
        if frame:
            turned = bytearray(frame)
            turned[bit // 8 % len(frame)] ^= 1 << bit % 8
            yield Event("outside", bytes(turned), now_ms)


def compare(event: Event, outcomes: dict[str, Outcome]) -> None:
    """All must say the same; eBPF does what the twin would do."""
    said = "\n".join(f"  {name:7} {outcome} {outcome.action}" for name, outcome in outcomes.items())
    assert len(set(outcomes.values())) == 1, f"frame {event.frame.hex()} {event.side} at {event.now_ms}:\n{said}"
    if "eBPF" in outcomes:
        assert outcomes["eBPF"].action == outcomes["twin"].action, said


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


def generated(number: int, handfuls: st.SearchStrategy[Any], each: Callable[[Any], None]) -> None:
    """Ten examples, by number always the same."""
    seed(number)(STEADY(given(handfuls)(each)))()


@needs_root
def test_three_engines_agree_on_20_000_frames() -> None:
    compared: set[bytes] = set()
    seen: Counter[str] = Counter()
    reasons: Counter[Reason] = Counter()
    rng, clock = Random(1), count(BOOTED, STEP)
    with ebpf(state()) as kernel:
        native, twin = Native(state()), Twin(state())

        def each(handful: Handful) -> None:
            for event in [*with_neighbours(handful), *traffic(rng, AT_ONCE)]:
                outcomes = all_say(event, next(clock), twin, native, kernel)
                compare(event, outcomes)
                compared.add(event.frame)
                reasons[outcomes["twin"].reason] += 1
                seen.update(kinds(event.frame))

        for number in range(RUNS):
            generated(number, HANDFULS, each)
            assert native.known() == kernel.known() == in_words(twin.state)
            assert native.proven() == kernel.proven() == sources_in_words(twin.state)
    assert len(compared) >= WANTED, len(compared)
    assert {kind for kind, times in seen.items() if times >= 10} >= SPECIAL, seen
    assert {reason for reason, times in reasons.items() if times >= 20} == REASONS - LIMITS, reasons
    assert reasons[Reason.rule_drop] > 0
    assert reasons[Reason.answered] > WANTED // 16 and reasons[Reason.connection] > WANTED // 16, reasons


def all_say(event: Event, ms: int, twin: Twin, native: Native, kernel: Ebpf | None = None) -> dict[str, Outcome]:
    """What becomes of a frame; unix time is anywhere, the monotonic clock goes on."""
    outcomes = {
        "twin": twin.run(event.frame, event.now_ms, event.side, ms=ms),
        "native": native.run(event.frame, event.now_ms, event.side, ms=ms),
    }
    if kernel is not None and len(event.frame) >= SHORTEST:
        outcomes["eBPF"] = kernel.run(event.frame, event.now_ms, event.side, ms=ms)
    return outcomes


def test_native_code_agrees_without_root() -> None:
    """Where the kernel may not be asked, at least some."""
    native, twin, rng, clock = Native(state()), Twin(state()), Random(2), count(BOOTED, STEP)

    def each(handful: Handful) -> None:
        for event in [*with_neighbours(handful), *traffic(rng, AT_ONCE)]:
            compare(event, all_say(event, next(clock), twin, native))

    for number in range(2):
        generated(number, HANDFULS, each)
    assert native.known() == in_words(twin.state)
    assert native.proven() == sources_in_words(twin.state)


def test_native_code_and_twin_agree_on_how_much_room_it_takes() -> None:
    reasons: Counter[Reason] = Counter()
    native, twin, clock = Native(), Twin(), count(BOOTED, STEP)

    def each(handful: Handful) -> None:
        for frame, now_ms, room in handful:
            ms = next(clock)
            outcomes = {
                "twin": twin.run(frame, now_ms, room=room, ms=ms),
                "native": native.run(frame, now_ms, room=room, ms=ms),
            }
            compare(Event("outside", frame, now_ms), outcomes)
            reasons[outcomes["twin"].reason] += 1

    for number in range(3):
        generated(number, st.lists(st.tuples(syns(), moments(), ROOMS), min_size=AT_ONCE, max_size=AT_ONCE), each)
    assert reasons[Reason.no_room] >= 10 and reasons[Reason.answered] >= 100, reasons
