"""Whether an ACK brings back a good cookie: eBPF and native code against the twin, over generated segments and moments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from naive import cookie, options
from naive.cookie import EPOCH, Admitted, Cookie, Flow, Refusal
from naive.frames import ACK, FIN, PSH, IPv4, IPv6, Tcp, frame
from naive.options import Offer
from naive.world import EPOCH_BEGINS, KEYS, MASTER, OLD_KEYS, OLD_MASTER, OTHER_MASTER
from parts.engines import TARGETS, Part, part
from strategies import flows, moments, offers
from strategies.weights import weighted

WORD = 1 << 32
words = st.integers(0, WORD - 1) | st.sampled_from([0, 1, WORD - 1])
# ms between the SYN-ACK and the ACK, as the two clocks see it: within cookie.md's 32 s, at its edges, and beyond
AGES = weighted(
    (4, st.integers(-25_000, 32_000)),
    (2, st.sampled_from([-32_001, -32_000, -1, 0, 1, 31_999, 32_000, 32_001, 64_000, 95_999, 96_000, 96_001])),
    (1, st.integers(-130_000, 300_000)),
)
CHANGES = weighted((4, st.just("")), (4, st.sampled_from(["seq", "ack", "source", "destination", "port", "echo", "times"])))


def made(flow: Flow, isn: int, offer: Offer, ecn: bool, now_ms: int, master: bytes = MASTER) -> Cookie:
    """The cookie of a front with this key for a SYN, at any moment."""
    timestamps = offer.tsval is not None
    key = cookie.derive_key(master, cookie.epoch(now_ms))
    o = cookie.options_byte(offer, flow.version)
    fine = cookie.fine_bits(offer, flow.version)
    return cookie.make(key, flow, isn, o, now_ms, timestamps=timestamps, ecn=ecn, fine=fine)


def segment(flow: Flow, seq: int, ack: int, carried: bytes, flags: int = ACK, payload: bytes = b"") -> bytes:
    """The client's segment."""
    source, destination = str(ip_address(flow.source)), str(ip_address(flow.destination))
    ip = IPv4(source, destination) if flow.version == 4 else IPv6(source, destination)
    tcp = Tcp(flow.source_port, flow.destination_port, seq % WORD, ack % WORD, flags, options=carried, payload=payload)
    return frame(ip, tcp)


def times(tsecr: int | None, layout: int = 0) -> bytes:
    """Options that carry an echo, as nearly all segments do or otherwise; none without."""
    if tsecr is None:
        return b"\x01" * (4 * (layout % 3))
    stamp = b"\x08\x0a\x00\x00\x00\x07" + tsecr.to_bytes(4, "big")
    sack = b"\x05\x0a" + bytes(8)
    return (b"\x01\x01" + stamp, stamp + b"\x01\x01", stamp + b"\x00\x00", b"\x01\x01" + stamp + b"\x01\x01" + sack)[layout]


@st.composite
def acknowledgments(draw: DrawFn) -> tuple[bytes, int, Admitted | Refusal]:
    """A client's ACK, when it arrives, and what the twin says of it."""
    flow, isn, now_ms, age = draw(flows()), draw(words), draw(moments()), draw(AGES)
    master = draw(st.sampled_from([MASTER, MASTER, OLD_MASTER, OLD_MASTER, OTHER_MASTER]))
    ours = made(flow, isn, draw(offers()), draw(st.booleans()), now_ms - age, master)
    seq, ack, tsecr = isn + 1, ours.isn + 1, ours.tsval
    change, bit = draw(CHANGES), draw(st.integers(0, 31))
    if change == "seq":
        seq ^= 1 << bit
    elif change == "ack":
        ack ^= 1 << bit
    elif change == "source":
        flow = replace(flow, source=turned(flow.source, bit))
    elif change == "destination":
        flow = replace(flow, destination=turned(flow.destination, bit))
    elif change == "port":
        flow = replace(flow, source_port=flow.source_port ^ 1 << bit % 16)
    elif change == "echo" and tsecr is not None:
        tsecr ^= 1 << bit % 8
    elif change == "times":
        tsecr = bit if tsecr is None else None
    carried = times(tsecr, draw(st.integers(0, 3)))
    assert options.parse(carried).tsecr == tsecr
    flags = draw(st.sampled_from([ACK, ACK, ACK | PSH, ACK | FIN]))
    given_frame = segment(flow, seq, ack, carried, flags, b"GET /"[: draw(st.integers(0, 5))])
    return given_frame, now_ms, cookie.check_by_either(KEYS, OLD_KEYS, flow, seq % WORD, ack % WORD, tsecr, now_ms)


def turned(address: bytes, bit: int) -> bytes:
    """An address with one of its last 32 bits turned."""
    return (int.from_bytes(address, "big") ^ 1 << bit).to_bytes(len(address), "big")


@pytest.fixture(scope="module", params=TARGETS)
def checking(request: pytest.FixtureRequest) -> Iterator[Part]:
    with part("check", request.param) as found:
        yield found


def test_every_acknowledgment_is_judged_as_the_twin_judges_it(checking: Part) -> None:
    judged: Counter[str] = Counter()

    @given(acknowledgments())
    @settings(deadline=None, derandomize=True, database=None, max_examples=3000)
    def each(case: tuple[bytes, int, Any]) -> None:
        given_frame, now_ms, expected = case
        holds = isinstance(expected, Admitted)
        assert checking.says(given_frame, now_ms) == holds, f"{expected} at {now_ms}: {given_frame.hex()}"
        judged["holds" if holds else expected.name] += 1

    each()
    assert judged["holds"] > 500
    assert all(judged[refusal.name] > 20 for refusal in Refusal), judged


CASES = [
    (Flow(b"\1\2\3\4", b"\5\6\7\x08", 40000, 443), Offer(1460, 7, True, 1)),
    (Flow(b"\1\2\3\4", b"\5\6\7\x08", 40000, 443), Offer()),
    (Flow(bytes(15) + b"\1", bytes(15) + b"\2", 0, 65535), Offer(1220, 14, False, 0)),
    (Flow(b"\xff" * 16, b"\xfe" * 16, 65535, 0), Offer(8940, None, True)),
]


BOTH = [pytest.param(MASTER, id="key"), pytest.param(OLD_MASTER, id="old key")]


@pytest.mark.parametrize("master", BOTH)
@pytest.mark.parametrize(("flow", "offer"), CASES)
def test_a_cookie_lives_32_to_96_seconds_exactly(checking: Part, flow: Flow, offer: Offer, master: bytes) -> None:
    """The numbers are the keyed epochs' of `naive.world`: from two before its own to two after."""
    first, last = EPOCH_BEGINS, EPOCH_BEGINS + EPOCH - 1

    def holds(made_at: int, now_ms: int) -> bool:
        ours = made(flow, 7, offer, False, made_at, master)
        return checking.says(segment(flow, 8, ours.isn + 1, times(ours.tsval)), now_ms)

    assert [holds(last, last + age) for age in (0, 1, 31_999, 32_000, 32_001)] == [True, True, True, True, False]
    assert [holds(first, first + age) for age in (0, 63_999, 64_000, 95_999, 96_000)] == [True, True, True, True, False]
    # A checker whose clock is behind: 32 s less the time the answer takes
    assert [holds(first, first - behind) for behind in (1, 31_999, 32_000, 32_001)] == [True, True, True, False]


@pytest.mark.parametrize(("flow", "offer"), CASES)
@pytest.mark.parametrize("master", BOTH)
@pytest.mark.parametrize("bit", range(32))
def test_each_bit_of_a_cookie_counts(checking: Part, flow: Flow, offer: Offer, bit: int, master: bytes) -> None:
    now_ms, isn = EPOCH_BEGINS + 1000, WORD - 1
    ours = made(flow, isn, offer, False, now_ms, master)
    assert checking.says(segment(flow, isn + 1, ours.isn + 1, times(ours.tsval)), now_ms)
    assert not checking.says(segment(flow, isn + 1, (ours.isn ^ 1 << bit) + 1, times(ours.tsval)), now_ms)
    if ours.tsval is not None:
        proof = bit < 7 or bit >= 30  # these are of the MSS; the others are ECN and a clock
        echoed = segment(flow, isn + 1, ours.isn + 1, times(ours.tsval ^ 1 << bit))
        assert checking.says(echoed, now_ms) != proof


@pytest.mark.parametrize(
    "now_ms",
    [
        0,
        31_999,
        EPOCH_BEGINS + 5 * EPOCH,
        EPOCH_BEGINS + 64 * EPOCH,
    ],
)
def test_what_is_made_with_no_key_does_not_hold(checking: Part, now_ms: int) -> None:
    """Slots without a key hold zeros, and must match no epoch: also not the one before the first, on a clock never set."""
    flow = CASES[0][0]
    for parity in (0, 1):
        forged = cookie.tag(bytes(16), flow, 7, 0x0F, False) & 0xFFFFFF00 | parity << 7 | 0x0F
        assert not checking.says(segment(flow, 8, forged + 1, b""), now_ms), parity
