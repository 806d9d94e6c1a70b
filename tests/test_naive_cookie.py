"""The cookie's twin, judged by the vectors of cookie.md; then what cookie.md promises of every cookie."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import vectors
from hypothesis import given
from hypothesis import strategies as st
from naive import cookie
from naive.cookie import EPOCH, Admitted, Cookie, Flow, Refusal
from naive.frames import packed
from naive.options import Offer
from naive.world import MASTER, NOW
from strategies import flows, moments, offers

VECTORS = vectors.load("cookie")
words = st.integers(0, 0xFFFFFFFF)


@pytest.mark.parametrize("vector", VECTORS["cookies"], ids=lambda vector: vector["cookie"])
def test_cookie_agrees_with_the_vectors_of_cookie_md(vector: dict[str, Any]) -> None:
    source, destination = packed(vector["source_address"]), packed(vector["destination_address"])
    flow = Flow(source, destination, vector["source_port"], vector["destination_port"])
    isn, now, timestamps = int(vector["isn"], 16), vector["now_ms"], vector["timestamps"]
    offer = Offer(mss=vector["mss"], scale=vector["scale"], sack=vector["sack"], tsval=0 if timestamps else None)

    t = cookie.epoch(now)
    key = cookie.derive_key(bytes.fromhex(VECTORS["master_key"]), t)
    o = cookie.options_byte(offer, flow.version)
    said = {"fine": cookie.fine_bits(offer, flow.version), "scale": vector["ours"]}
    ours = cookie.make(key, flow, isn, o, now, timestamps=timestamps, ecn=vector["ecn"], **said)

    assert (t, key.hex(), f"{o:02x}") == (vector["epoch"], vector["key"], vector["o"])
    assert cookie.tag(key, flow, isn, o, timestamps, **said) == int(vector["tag"], 16)
    assert f"{ours.isn:08x}" == vector["cookie"]
    assert (None if ours.tsval is None else f"{ours.tsval:08x}") == vector["tsval"]


def made(flow: Flow, isn: int, offer: Offer, ecn: bool, now: int) -> tuple[Cookie, Admitted]:
    """A cookie, and what it must admit."""
    timestamps = offer.tsval is not None
    o = cookie.options_byte(offer, flow.version)
    key = cookie.derive_key(MASTER, cookie.epoch(now))
    fine = cookie.fine_bits(offer, flow.version)
    ours = cookie.make(key, flow, isn, o, now, timestamps=timestamps, ecn=ecn, fine=fine)
    values = [value for four in cookie.MSS_TABLE[flow.version] for value in (four if timestamps else four[:1])]
    mss = max((value for value in values if value <= (offer.mss or 0)), default=None)
    least = values[0]
    scale = None if offer.scale is None else min(offer.scale, 14)
    return ours, Admitted(mss or least, scale, offer.sack, timestamps, ecn and timestamps)


def checked(flow: Flow, isn: int, ours: Cookie, now: int, master: bytes = MASTER) -> Admitted | Refusal:
    """What becomes of the client's ACK, with every key at hand."""
    keys = cookie.keys(master, range(cookie.epoch(now) - 2, cookie.epoch(now) + 3))
    return cookie.check(keys, flow, (isn + 1) % (1 << 32), (ours.isn + 1) % (1 << 32), ours.tsval, now)


@given(flows(), words, offers(), st.booleans(), moments(), st.integers(0, 32_000))
def test_a_cookie_is_good_for_32_seconds(flow: Flow, isn: int, offer: Offer, ecn: bool, now: int, age: int) -> None:
    ours, expected = made(flow, isn, offer, ecn, now)
    assert checked(flow, isn, ours, now + age) == expected


@given(flows(), words, offers(), st.booleans(), moments(), st.integers(96_000, 300_000))
def test_a_cookie_is_dead_after_96_seconds(flow: Flow, isn: int, offer: Offer, ecn: bool, now: int, age: int) -> None:
    ours, _ = made(flow, isn, offer, ecn, now)
    assert isinstance(checked(flow, isn, ours, now + age), Refusal)


@given(flows(), words, offers(), moments(), st.integers(-25_000, 25_000), st.integers(0, 7_000))
def test_clocks_may_differ_by_25_seconds(flow: Flow, isn: int, offer: Offer, now: int, skew: int, age: int) -> None:
    ours, expected = made(flow, isn, offer, False, now)
    assert checked(flow, isn, ours, now + skew + age) == expected


def test_the_parity_rule_at_its_edges() -> None:
    begins = 100 * EPOCH  # an even epoch
    even, odd = 0x00, 0x80
    for at, parity, meant in [
        (begins, even, 100),
        (begins, odd, 99),
        (begins + EPOCH // 2 - 1, odd, 99),
        (begins + EPOCH // 2, odd, 101),
        (begins + EPOCH - 1, odd, 101),
        (begins + EPOCH - 1, even, 100),
        (begins + EPOCH, odd, 101),
        (begins + EPOCH, even, 100),
        (begins + EPOCH + EPOCH // 2 - 1, even, 100),
        (begins + EPOCH + EPOCH // 2, even, 102),
    ]:
        assert cookie.epoch_meant(0xFFFFFF7F & ~0x80 | parity, at) == meant


def test_a_cookie_lives_32_to_96_seconds_exactly() -> None:
    flow, isn, offer = Flow(b"\1\2\3\4", b"\5\6\7\x08", 1, 2), 3, Offer()
    last, first = 101 * EPOCH - 1, 100 * EPOCH
    youngest, expected = made(flow, isn, offer, False, last)  # made as its epoch ends
    assert checked(flow, isn, youngest, last + 32_000) == expected
    assert checked(flow, isn, youngest, last + 32_001) == Refusal.wrong_tag
    oldest, expected = made(flow, isn, offer, False, first)  # made as its epoch begins
    assert checked(flow, isn, oldest, first + 95_999) == expected
    assert checked(flow, isn, oldest, first + 96_000) == Refusal.wrong_tag


@given(flows(), words, offers(), moments(), st.binary(min_size=32, max_size=32).filter(lambda key: key != MASTER))
def test_another_master_key_is_refused(flow: Flow, isn: int, offer: Offer, now: int, master: bytes) -> None:
    ours, _ = made(flow, isn, offer, False, now)
    assert isinstance(checked(flow, isn, ours, now, master), Refusal)


def turned(data: bytes, bit: int) -> bytes:
    """Bytes with one bit turned."""
    return (int.from_bytes(data, "big") ^ 1 << bit % (8 * len(data))).to_bytes(len(data), "big")


@given(flows(), words, offers(), moments(), st.integers(0, 127))
def test_any_changed_field_is_refused(flow: Flow, isn: int, offer: Offer, now: int, bit: int) -> None:
    ours, _ = made(flow, isn, offer, False, now)
    for other in [
        replace(flow, source=turned(flow.source, bit)),
        replace(flow, destination=turned(flow.destination, bit)),
        replace(flow, source_port=flow.source_port ^ 1 << bit % 16),
        replace(flow, destination_port=flow.destination_port ^ 1 << bit % 16),
    ]:
        assert isinstance(checked(other, isn, ours, now), Refusal)
    assert isinstance(checked(flow, isn ^ 1 << bit % 32, ours, now), Refusal)
    assert isinstance(checked(flow, isn, replace(ours, isn=ours.isn ^ 1 << bit % 32), now), Refusal)


@given(flows(), words, offers(), moments(), st.integers(0, 6))
def test_an_echo_that_differs_is_refused(flow: Flow, isn: int, offer: Offer, now: int, bit: int) -> None:
    ours, _ = made(flow, isn, replace(offer, tsval=1), False, now)
    assert ours.tsval is not None
    assert checked(flow, isn, replace(ours, tsval=ours.tsval ^ 1 << bit), now) == Refusal.wrong_echo


@given(flows(), words, offers(), moments(), st.integers(0, 14), st.integers(0, 14))
def test_another_window_scale_than_the_promised_one_is_refused(
    flow: Flow, isn: int, offer: Offer, now: int, ours: int, told: int
) -> None:
    """Front and host would talk at cross purposes about every window: better no connection at all."""
    o, key = cookie.options_byte(offer, flow.version), cookie.derive_key(MASTER, cookie.epoch(now))
    made = cookie.make(key, flow, isn, o, now, timestamps=False, ecn=False, scale=ours)
    judged = cookie.check(
        {cookie.epoch(now): key}, flow, (isn + 1) % (1 << 32), (made.isn + 1) % (1 << 32), None, now, told
    )
    assert isinstance(judged, Admitted) == (ours == told)


@given(flows(), words, offers(), moments(), st.integers(0, 3))
def test_an_mss_that_is_changed_on_the_way_is_refused(flow: Flow, isn: int, offer: Offer, now: int, other: int) -> None:
    ours, expected = made(flow, isn, replace(offer, tsval=1), False, now)
    assert ours.tsval is not None
    changed = replace(ours, tsval=ours.tsval & 0x3FFFFFFF | other << 30)
    assert (checked(flow, isn, changed, now) == expected) == (changed == ours)


@given(flows(), words, offers(), moments())
def test_timestamps_may_neither_vanish_nor_appear(flow: Flow, isn: int, offer: Offer, now: int) -> None:
    ours, _ = made(flow, isn, offer, False, now)
    other = replace(ours, tsval=0 if ours.tsval is None else None)
    assert isinstance(checked(flow, isn, other, now), Refusal)


def test_without_the_key_of_its_epoch_a_cookie_is_refused() -> None:
    flow = Flow(b"\1\2\3\4", b"\5\6\7\x08", 1, 2)
    ours, _ = made(flow, 3, Offer(), False, NOW)
    assert cookie.check({}, flow, 4, ours.isn + 1, None, NOW) == Refusal.no_key
