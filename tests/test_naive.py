"""The twins, judged by published vectors, by the table of frames, and by each other."""

from __future__ import annotations

from typing import Any

import pytest
import vectors
from engines_under_test import Twin
from frame_table import ROWS
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import checksum, world
from naive.decide import REASONS, decide
from naive.forward import Action
from naive.moment import Moment
from naive.options import build, parse
from naive.parse import Segment
from naive.parse import parse as parse_frame
from naive.siphash import siphash
from naive.world import NOW
from rows.row import Row
from strategies import frames, moments, options, syns

from hardtack.packet.reasons import Reason, verdict

SIPHASH, SUMS = vectors.load("siphash"), vectors.load("checksum")


@pytest.mark.parametrize("length", range(64))
def test_siphash_agrees_with_the_reference_implementation(length: int) -> None:
    assert siphash(bytes.fromhex(SIPHASH["key"]), bytes(range(length))) == int(SIPHASH["tags"][length], 16)


def test_siphash_wants_16_bytes_of_key() -> None:
    with pytest.raises(ValueError, match="16 bytes, this one 15"):
        siphash(bytes(15), b"")


@pytest.mark.parametrize("vector", SUMS["full"], ids=lambda vector: vector["source"])
def test_checksum_agrees_with_published_sums(vector: dict[str, str]) -> None:
    data = bytes.fromhex(vector["data"])
    assert checksum.ones_sum(data) == int(vector["sum"], 16)
    assert checksum.checksum(data) == int(vector["checksum"], 16)


@pytest.mark.parametrize("vector", SUMS["updates"], ids=lambda vector: vector["source"])
def test_checksum_update_agrees_with_published_ones(vector: dict[str, str]) -> None:
    before, after = bytes.fromhex(vector["before"]), bytes.fromhex(vector["after"])
    assert checksum.update(int(vector["old"], 16), before, after) == int(vector["new"], 16)


@given(st.binary(max_size=64).filter(lambda data: len(data) % 2 == 0 and any(data)), st.data())
def test_a_checksum_updated_is_the_checksum_in_full(data: bytes, draw: Any) -> None:
    at = 2 * draw.draw(st.integers(0, len(data) // 2 - 1))
    word = draw.draw(st.binary(min_size=2, max_size=2))
    changed = data[:at] + word + data[at + 2 :]
    updated = checksum.update(checksum.checksum(data), data[at : at + 2], word)
    if any(changed):  # the sum of nothing but zeros is +0, which no update arrives at
        assert updated == checksum.checksum(changed)


def test_checksum_update_wants_whole_words() -> None:
    with pytest.raises(ValueError, match="whole words"):
        checksum.update(0, b"\0", b"\1")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.description)
def test_decide_agrees_with_the_table(row: Row) -> None:
    twin = Twin(world.state(**row.policy))
    for before in row.before:
        twin.run(before, row.now_ms)
    for heard in row.heard:
        twin.run(heard, row.now_ms, "inside")
    made = twin.run(row.frame, row.now_ms, row.side, row.room)
    assert (made.reason, made.frame.hex()) == (row.reason, row.expected.hex())
    assert verdict(made.reason) == row.verdict
    assert row.number in (None, made.number) and row.action in (None, made.action)


def test_the_table_has_every_reason_and_no_description_twice() -> None:
    assert {row.reason for row in ROWS} == REASONS
    assert len({row.description for row in ROWS}) == len(ROWS)


def test_decide_takes_any_frame_and_its_answers_are_whole() -> None:
    seen: set[Reason] = set()

    @given(frames(), moments())
    @settings(max_examples=600, deadline=None, derandomize=True)
    def each(frame: bytes, now: int) -> None:
        made = decide(world.state(), frame, Moment(now, now))
        seen.add(made.reason)
        if made.reason in (Reason.answered, Reason.challenged):
            # It is whole; and were its IPv4 checksum wrong, that would be said of it on its way to the host.
            answer = parse_frame(made.frame)
            flags, stray = (0x12, Reason.stray_syn_ack) if made.reason == Reason.answered else (0x10, Reason.stray_ack)
            assert isinstance(answer, Segment) and answer.flags & 0x17 == flags
            again = decide(world.state(), swapped(made.frame), Moment(now, now)).reason
            assert again in (stray, *ELSE.get(made.number, ()))
        elif made.action in (Action.kernel, Action.drop):
            assert made.frame == frame

    each()
    assert len(seen) > 20, seen


# By host: what else may come of an answer that goes to it. Its rules, which may protect SYNs alone; or its default
ELSE = {
    host.number: (Reason.rule_drop, Reason.other_port, Reason.default_pass, Reason.default_drop)
    for host in world.HOSTS.values()
    if host.rules or host.protect
}


def swapped(frame: bytes) -> bytes:
    """A frame with its IP addresses and ports exchanged: as if the answer had gone to the host."""
    at = 14
    while frame[at - 2 : at] in (b"\x81\x00", b"\x88\xa8"):
        at += 4
    size, addresses = (4, at + 12) if frame[at] >> 4 == 4 else (16, at + 8)
    middle = addresses + size
    tcp = middle + size
    exchanged = frame[middle:tcp] + frame[addresses:middle] + frame[tcp + 2 : tcp + 4] + frame[tcp : tcp + 2]
    return frame[:addresses] + exchanged + frame[tcp + 4 :]


@given(syns())
@settings(max_examples=200, deadline=None)
def test_sound_syns_are_answered_or_go_on(frame: bytes) -> None:
    made = decide(world.state(), frame, Moment(NOW, NOW))
    assert made.reason in (Reason.answered, Reason.challenged, Reason.opened)


@given(options())
def test_what_the_answer_offers_is_what_was_offered(given_options: bytes) -> None:
    offer = parse(given_options)
    answer = parse(build(1460, offer, 7 if offer.tsval is not None else None, 12))
    assert answer.mss == 1460
    assert answer.scale in (None, 12)
    assert answer.sack == offer.sack
    assert (answer.scale is None) == (offer.scale is None)
    assert answer.tsecr == offer.tsval
