"""The challenge's twin, judged by the vectors of cookie.md; then what cookie.md promises of every challenge."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import vectors
from hypothesis import given
from hypothesis import strategies as st
from naive import challenge, cookie
from naive.challenge import Challenge
from naive.cookie import EPOCH, Flow
from naive.frames import packed
from naive.moment import WORD
from naive.world import MASTER
from strategies import flows, moments

VECTORS = vectors.load("challenge")
words = st.integers(0, WORD - 1)


@pytest.mark.parametrize("vector", VECTORS["challenges"], ids=lambda vector: vector["acknowledgment"])
def test_challenge_agrees_with_the_vectors_of_cookie_md(vector: dict[str, Any]) -> None:
    source, destination = packed(vector["source_address"]), packed(vector["destination_address"])
    flow = Flow(source, destination, vector["source_port"], vector["destination_port"])
    t = cookie.epoch(vector["now_ms"])
    key = cookie.derive_key(bytes.fromhex(VECTORS["master_key"]), t)
    ours = challenge.make(key, flow, int(vector["isn"], 16), vector["now_ms"])
    assert (t, key.hex(), f"{challenge.tag(key, flow):016x}") == (vector["epoch"], vector["key"], vector["tag"])
    assert (f"{ours.sequence:08x}", f"{ours.acknowledgment:08x}") == (vector["sequence"], vector["acknowledgment"])


def made(flow: Flow, isn: int, now: int) -> Challenge:
    """The answer to a SYN."""
    return challenge.make(cookie.derive_key(MASTER, cookie.epoch(now)), flow, isn, now)


def proves(flow: Flow, number: int, now: int, master: bytes = MASTER) -> bool:
    """What becomes of the client's RST, with every key at hand."""
    keys = cookie.keys(master, range(cookie.epoch(now) - 2, cookie.epoch(now) + 3))
    return challenge.proves(keys, flow, number, now)


@given(flows(), words, moments())
def test_no_client_takes_it_for_right_nor_for_nearly_right(flow: Flow, isn: int, now: int) -> None:
    away = (made(flow, isn, now).acknowledgment - isn - 1) % WORD
    assert 1 << 30 <= away <= 3 << 30


@given(flows(), words, words, moments())
def test_but_for_its_highest_bit_it_is_the_same_whatever_the_isn(flow: Flow, isn: int, other: int, now: int) -> None:
    assert (made(flow, isn, now).acknowledgment ^ made(flow, other, now).acknowledgment) & 0x7FFFFFFF == 0


@given(flows(), words, moments(), st.integers(0, 32_000))
def test_it_is_good_for_32_seconds(flow: Flow, isn: int, now: int, age: int) -> None:
    number = made(flow, isn, now).acknowledgment
    assert proves(flow, number, now + age) and proves(flow, number ^ 1 << 31, now + age)


@given(flows(), words, moments(), st.integers(96_000, 300_000))
def test_and_dead_after_96(flow: Flow, isn: int, now: int, age: int) -> None:
    assert not proves(flow, made(flow, isn, now).acknowledgment, now + age)


@given(flows(), words, moments(), st.integers(0, 127))
def test_any_changed_field_is_refused(flow: Flow, isn: int, now: int, bit: int) -> None:
    number = made(flow, isn, now).acknowledgment
    size = 8 * len(flow.source)
    turned = (int.from_bytes(flow.source, "big") ^ 1 << bit % size).to_bytes(size // 8, "big")
    assert not proves(replace(flow, source=turned), number, now)
    assert not proves(replace(flow, source_port=flow.source_port ^ 1 << bit % 16), number, now)
    assert not proves(replace(flow, destination_port=flow.destination_port ^ 1 << bit % 16), number, now)
    assert proves(flow, number ^ 1 << bit % 32, now) == (bit % 32 == 31)
    assert not proves(flow, number, now, bytes(32))


@given(flows(), words, moments())
def test_a_cookie_is_no_proof_and_a_proof_no_cookie(flow: Flow, isn: int, now: int) -> None:
    """Their tags are over different bytes."""
    key = cookie.derive_key(MASTER, cookie.epoch(now))
    said = [(o, stamps, fine, scale) for o in (0, 127) for stamps in (False, True) for fine in range(4) for scale in (0, 14)]
    assert challenge.tag(key, flow) not in [cookie.tag(key, flow, 0, *one) for one in said]
    assert not proves(flow, cookie.make(key, flow, isn, 0x0F, now, timestamps=False, ecn=False).isn, now)


def test_its_last_moment_is_that_of_a_cookie() -> None:
    flow, begins = Flow(b"\1\2\3\4", b"\5\6\7\x08", 1, 2), 100 * EPOCH
    number = made(flow, 7, begins).acknowledgment
    assert proves(flow, number, begins + 95_999) and not proves(flow, number, begins + 96_000)
