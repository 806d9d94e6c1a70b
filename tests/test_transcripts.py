"""Conversations as people write them (transcripts/*.txt), played to eBPF, to native code and to the naive twin alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import transcripts
from bursts_under_test import Bursts
from engines_under_test import Ebpf, Native, ebpf
from kernel_ground import needs_root
from naive.decide import REASONS
from transcripts.playing import Player
from transcripts.reading import Conversation, Segment, conversations, step
from workers_under_test import Rings

from hardtack.packet.reasons import Reason

ALL = [*conversations(Path(transcripts.__file__).parent)]
EACH = pytest.mark.parametrize("conversation", ALL, ids=lambda conversation: conversation.title)
WAYS = [(version, timestamps) for version in (4, 6) for timestamps in (False, True)]


@pytest.fixture(scope="module")
def kernel() -> Iterator[Ebpf]:
    with ebpf() as engine:
        yield engine


@pytest.fixture(scope="module", params=[Native, Bursts, Rings], ids=["alone", "in a burst", "by a worker"])
def native(request: pytest.FixtureRequest) -> Iterator[Native]:
    made: Native = request.param()
    yield made
    made.close()


@needs_root
@EACH
def test_ebpf_comes_out_as_it_is_written(kernel: Ebpf, conversation: Conversation) -> None:
    """Hosts' frames are seen at the inside interface, or by the program at tcx egress: that makes no difference."""
    if max(conversation.cpus) >= kernel.cpus:
        pytest.skip(f"this machine has {kernel.cpus} CPU")
    for version, timestamps in WAYS:
        Player(kernel, version, timestamps, "leaving" if timestamps else "inside").play(conversation)


@EACH
def test_native_code_comes_out_as_it_is_written(native: Native, conversation: Conversation) -> None:
    for version, timestamps in WAYS:
        Player(native, version, timestamps).play(conversation)


def test_conversations_reach_every_reason_of_a_tcp_segment() -> None:
    reached = {step.reason for conversation in ALL for step in conversation.steps if isinstance(step, Segment)}
    missed = {reason.name for reason in REASONS - reached}
    of_frames = {
        "not_ip",
        "truncated",
        "bad_header",
        "not_ours",
        "other_port",
        "bad_checksum",
        "bad_offset",
        "cut_short",
    }
    of_frames |= {"bad_extensions", "first_fragment", "later_fragment", "no_room"}
    of_frames |= {"martian", "not_for_us", "outbound_forged"}
    of_frames |= {"denied", "rule_pass", "rule_drop", "rule_within", "rule_limit", "rule_source_limit"}
    assert missed == of_frames | {"default_pass", "default_drop", "icmp_error", "icmp_quote", "neighbour"}


def test_titles_are_different() -> None:
    assert len({conversation.title for conversation in ALL}) == len(ALL) > 90


@pytest.mark.parametrize(
    "line",
    ["0 client S 0 - - answer -", "0 client Q 0 - - answered -", "0 client S 0 -", "now client S 0 - - answered -"],
)
def test_a_line_that_is_none_is_told(line: str) -> None:
    with pytest.raises(ValueError, match="not a line of a conversation"):
        step(line)


def test_a_conversation_that_comes_out_differently_is_told(native: Native) -> None:
    """The judge judges: a wrong reason, a wrong table, and a connection that has not given way."""
    for lines, said in {
        ("0 client S 0 - - stray_ack -",): "answered, not: 0 client",
        ("0 host S 0 - - taught host 1",): "host S 0",
        ("0 host S 0 - - taught host ?", ": gone c1"): "not: c1",
    }.items():
        with pytest.raises(AssertionError, match=said):
            Player(native, 4, False).play(Conversation("", [step(line) for line in lines]))
    assert Reason.taught in REASONS
