"""A small town's life on three CPUs, whose clocks differ and whose unix time steps: native code and the naive twin agree.

Frame by frame on what becomes of it and on the one bucket of connections, and of sources; in the end on every budget and
prefix.

Each of these, put back into packet/, is found within the first lives: durations by unix time (grace, windows, ages);
a part of a budget that does not grow smaller, or a refusal where the part is used up by others; a share that is tight for
as long as somebody was refused, or is counted by queues; a stamp that is ahead taken for the oldest.
"""

from __future__ import annotations

from collections import Counter

from engines_under_test import Native, Twin
from hypothesis import HealthCheck, Phase, given, settings
from naive import world
from naive.decide import REASONS
from naive.state import PROVEN_WAYS, WAYS
from strategies import Life, Town, lives
from tables_under_test import budgets_in_words, in_words, sources_in_words

from hardtack.packet.reasons import Reason, Verdict, verdict

STEADY = settings(
    max_examples=200,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.data_too_large, HealthCheck.too_slow, HealthCheck.large_base_example],
)
# What only other frames reach: rows/
OTHERS = {"not_ip", "truncated", "bad_header", "not_ours", "other_port", "bad_checksum", "bad_offset", "cut_short"}
OTHERS |= {"bad_extensions", "first_fragment", "later_fragment", "no_room", "default_drop", "neighbour", "not_for_us"}
OTHERS |= {"denied", "rule_within", "rule_drop", "rule_limit", "rule_source_limit", "rule_pass"}
OTHERS |= {"outbound_forged", "martian", "syn_fin", "syn_rst", "null", "xmas", "no_ack"}


def test_native_code_and_twin_agree_on_a_small_towns_life() -> None:
    reasons: Counter[Reason] = Counter()
    native = Native()

    @given(lives())
    @STEADY
    def each(life: Life) -> None:
        twin = Twin(world.state(slots=[None] * WAYS, seats=[None] * PROVEN_WAYS, **life.limits))
        native.forget()
        native.set_policy(twin.state)
        native.set_buckets(1)
        native.set_source_buckets(1)
        town = Town(twin.state, life.hosts)
        for deed, event in town.events(life):
            thought = twin.run(event.frame, event.now_ms, event.side, cpu=event.cpu, ms=event.ms)
            outcome = native.run(event.frame, event.now_ms, event.side, cpu=event.cpu, ms=event.ms)
            assert outcome == thought, f"{outcome}, not {thought}: {deed}, {event}"
            assert native.known() == in_words(twin.state), f"{deed}, {event}"
            assert native.proven() == sources_in_words(twin.state), f"{deed}, {event}"
            reasons[thought.reason] += 1
            if verdict(thought.reason) == Verdict.REPLY and deed.what != "spike":
                town.answered(deed.client, thought.frame)
        for cpu in {deed.cpu for deed in life.deeds}:
            assert native.budgets(cpu) == budgets_in_words(twin.state, cpu)

    each()
    assert {reason.name for reason in REASONS if reasons[reason] < 3} <= OTHERS, reasons
