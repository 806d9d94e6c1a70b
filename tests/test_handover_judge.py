"""Whether hand-overs fail, judged by series of counters and by tables of connections made by hand."""

from __future__ import annotations

import struct
from collections.abc import Iterable

import numpy as np
import pytest

from hardtack.control.connections import ConnectionTable, Rows
from hardtack.control.handovers.evidence import handed_over
from hardtack.control.handovers.judging import ENOUGH, LATELY, LOOKS, MOST_NEEDED, QUIET, SOON, Counts, Course, Handed
from hardtack.packet.layout import BY_COOKIE, BY_SYN, HOST_SEEN, Connection

NOW = 1 << 33  # ms; stamps are modulo 2^32
WEB, MAIL = 1, 2  # numbers of hosts
FAILED = Handed(failed=ENOUGH, failed_by_reset=ENOUGH, refused=ENOUGH)


def watched(series: Iterable[tuple[int, int, int]], heard: bool = True) -> tuple[Course, list[int]]:
    """A course that has looked once a second at what was counted; and the seconds after which it was suspect."""
    course, suspect = Course(heard, Counts(), 0), []
    for second, counts in enumerate(series, 1):
        course.look(Counts(*counts), second * 1000)
        if course.is_suspect(second * 1000):
            suspect.append(second)
    return course, suspect


@pytest.mark.parametrize(
    ("series", "suspect"),
    [
        ([(0, 0, 0)] * 10, False),  # nobody comes
        ([(100 * n, 98 * n, n) for n in range(1, 20)], False),  # one of a hundred is refused
        ([(n, n, 0) for n in range(1, 20)], False),
        ([(1, 0, 0), (2, 0, 0), *[(2, 0, 0)] * 20], False),  # two are no evidence
        ([(1, 0, 0), (2, 0, 0), *[(3, 0, 0)] * 5], True),  # three of three
        ([(100 * n, 40 * n, 60 * n) for n in range(1, 9)], True),  # most are refused
        ([(n, 0, n) for n in range(1, 5)], True),
    ],
    ids=["calm", "one-of-a-hundred", "all-good", "two", "three", "most", "all-refused"],
)
def test_when_connections_are_looked_at(series: list[tuple[int, int, int]], suspect: bool) -> None:
    assert bool(watched(series)[1]) == suspect


def test_a_host_that_cannot_be_heard_is_not_judged() -> None:
    """Where its answers take another way, there is none to be seen; a few that are by chance do not change that."""
    silent = [(n, 0, 0) for n in range(20)]
    assert watched(silent, heard=False)[1] == []
    assert watched([(20, 4, 0), *((20 + n, 4, 0) for n in range(20))], heard=False)[1] == []
    assert watched([(20, 19, 0), *((20 + n, 19, 0) for n in range(20))], heard=False)[1] != []


def test_a_host_that_answers_nobody_is_found_silent_and_the_first_word_ends_it() -> None:
    course, _ = watched([(10, 10, 0), *((10 + n, 10, 0) for n in range(1, ENOUGH + LOOKS))])
    assert course.judge_silence(9_000) and course.kind == "silence"
    assert not course.judge_silence(10_000)
    course.look(Counts(99, 10, 1), 11_000)  # a refusal is an answer, too
    assert course.judge_silence(11_000) and course.kind is None


def test_spoofed_syns_for_closed_ports_or_behind_a_firewall_are_no_silence() -> None:
    for series in (
        [(1000 * n, 0, 1000 * n) for n in range(1, 20)],  # each refused
        [(1000 * n, n, 0) for n in range(1, 20)],  # nobody answered but the one honest client
    ):
        course, _ = watched(series)
        assert not course.judge_silence(20_000)


def test_what_is_just_on_its_way_is_not_silence() -> None:
    course, _ = watched([(0, 0, 0)] * 3 + [(1000, 0, 0)] * (LOOKS - 1))
    assert not course.judge_silence(7_000)


def test_resets_and_silence_are_told_apart() -> None:
    for by_reset, kind in ((ENOUGH, "reset"), (0, "silence"), (1, "silence")):
        course, _ = watched([(9, 0, 0)] * 5)
        assert course.judge_handed(Handed(failed=ENOUGH, failed_by_reset=by_reset), 6_000)
        assert course.kind == kind


def test_whoever_was_answered_just_now_speaks_for_the_host() -> None:
    """Somebody with real addresses may have as many connections refused as he likes."""
    course, _ = watched([(9, 0, 9)] * 5)
    handed = Handed(failed=500, failed_by_reset=500, refused=500, answered=1000, quiet=QUIET - 1)
    assert not course.judge_handed(handed, 6_000)


def test_most_are_reset_and_some_are_not() -> None:
    course, _ = watched([(9, 4, 5)] * 5)
    assert course.judge_handed(Handed(answered=4, refused=5, quiet=100), 6_000) and course.kind == "some-reset"
    assert not course.judge_handed(Handed(answered=8, refused=5, quiet=100), 7_000)
    assert course.judge_handed(Handed(answered=25, refused=5, quiet=100), 8_000) and course.kind is None
    assert course.judge_handed(Handed(answered=4, refused=5, quiet=100), 9_000)
    assert course.judge_handed(FAILED, 10_000) and course.kind == "reset"  # now all of them


def test_a_failure_that_comes_back_takes_more_to_end() -> None:
    course, ms = watched([(9, 0, 9)] * 5)[0], 10_000
    for needed in (1, 2, 4, 8, MOST_NEEDED):
        assert course.judge_handed(FAILED, ms) and course.kind == "reset"
        assert not course.judge_handed(Handed(latest=needed - 1), ms + 1000)
        assert course.judge_handed(Handed(latest=needed), ms + 2000) and course.kind is None
        ms += 10_000
    ms += SOON
    assert course.judge_handed(FAILED, ms) and course.judge_handed(Handed(latest=1), ms + 1)


def test_what_was_before_a_failure_ended_does_not_count_after_it() -> None:
    course, _ = watched([(9, 0, 9)] * 5)
    course.judge_handed(FAILED, 10_000)
    assert course.age(10_000 + 10 * LATELY) == 10 * LATELY  # while it lasts, all that came
    course.judge_handed(Handed(latest=1), 20_000)
    assert (course.age(20_500), course.age(20_000 + 10 * LATELY)) == (500, LATELY)


def connections(*made: tuple[int, int, int, int, bool, int]) -> tuple[Rows, ConnectionTable]:
    """A table with a row for each: host, port, age and age of the last word in ms, whether it is known still, state."""
    table = ConnectionTable.new(1000)
    rows = np.zeros(len(table.rows), Connection)
    for place, (host, port, age, seen, known, state) in enumerate(made):
        rows[place]["host"], rows[place]["state"], rows[place]["origin"] = host, state, BY_COOKIE
        rows[place]["ports"] = np.frombuffer(struct.pack(">HH", 50_000 + place, port), "u4")[0]
        rows[place]["begun"], rows[place]["seen"] = (NOW - age) & 0xFFFFFFFF, (NOW - seen) & 0xFFFFFFFF
        table.tags.reshape(-1)[place] = known
    return rows, table


def of_web(*made: tuple[int, int, int, int, bool, int], named: bool = True, age: int = LATELY) -> Handed:
    """What became of the connections to WEB."""
    rows, table = connections(*made)
    return handed_over(rows, table.tags, {WEB: age, MAIL: age}, [WEB] if named else [], NOW)[WEB]


def test_what_the_table_says() -> None:
    seen = of_web(
        (WEB, 443, 9000, 9000, False, HOST_SEEN),  # answered, and over
        (WEB, 443, 8000, 10, True, HOST_SEEN),  # answered
        (WEB, 443, 7000, 7000, False, 0),  # refused
        (WEB, 443, 6000, 2000, True, 0),  # not heeded
        (WEB, 443, 5000, 5000, True, 0),  # has said nothing more: who knows
        (WEB, 443, 4000, 100, True, 0),  # says something just now
        (MAIL, 443, 3000, 10, True, HOST_SEEN),
    )
    assert seen == Handed(answered=0, refused=0, failed=2, failed_by_reset=1, latest=0, quiet=8000)


def test_some_are_refused_among_others_that_are_not() -> None:
    ages = {90: False, 80: True, 70: True, 60: False, 50: False, 40: True, 30: False}  # s -> refused
    rows = [(WEB, 443, 1000 * age, 10, not refused, 0 if refused else HOST_SEEN) for age, refused in ages.items()]
    assert of_web(*rows) == Handed(answered=3, refused=3, latest=1, quiet=30_000)
    assert of_web(*rows[:3]) == Handed(answered=0, refused=0, failed=2, failed_by_reset=2, quiet=90_000)  # all since then


def test_connections_by_other_ways_and_from_before_do_not_count() -> None:
    rows, table = connections((WEB, 443, 900, 900, False, 0), (WEB, 443, 2000, 2000, False, 0))
    rows[0]["origin"] = BY_SYN
    assert handed_over(rows, table.tags, {WEB: 1000}, [WEB], NOW)[WEB].failed == 0
    assert handed_over(rows, table.tags, {WEB: LATELY}, [WEB], NOW)[WEB].failed == 1


def test_ports_that_nobody_listens_on_are_no_failure() -> None:
    """A scanner with a real address knocks at each port: where all are protected, only those count that somebody serves."""
    scan = [(WEB, port, 100, 100, False, 0) for port in range(1000, 1200)]
    served = (WEB, 443, 3_600_000, 10, True, HOST_SEEN)
    assert of_web(*scan, served, named=False).failed == 0
    assert of_web((WEB, 443, 90, 90, False, 0), *scan, served, named=False).failed == 1
    assert of_web(*scan, named=False).failed == 200  # nobody has ever been answered: it is all that is known


def test_successes_after_the_last_failure() -> None:
    good = [(WEB, 443, age, 10, True, HOST_SEEN) for age in (900, 800, 400)]
    assert of_web(*good, (WEB, 443, 850, 850, False, 0)).latest == 2
    assert of_web(*good).latest == 3
    assert of_web(*good, age=500).latest == 1
