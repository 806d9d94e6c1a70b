"""Bursts of every size come to what their frames come to one by one: the same verdicts, the same bytes, the same tables.

Also where a frame changes what the next one meets: a SYN, the cookie that answers it, and the data behind it, in one burst.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import count, cycle, groupby, islice
from random import Random

import numpy as np
from bursts_under_test import Bursts, everything
from engines_under_test import Native, Twin
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from naive import world
from naive.decide import REASONS
from naive.frames import SYN, IPv4, IPv6, Tcp, frame
from naive.parse import Segment, parse
from naive.state import PROVEN_WAYS, WAYS
from strategies import Event, Life, Town, frames, lives, moments, traffic
from tables_under_test import in_words, sources_in_words
from test_front_generated import BOOTED, generated, state, with_neighbours

from hardtack.packet.burst_records import MOST_TOGETHER, Burst
from hardtack.packet.cookie.cookie import TAG_BITS
from hardtack.packet.reasons import FRONT_REASONS, Reason, Verdict, verdict

SIZES = range(1, MOST_TOGETHER + 1)
ROUNDS = 3  # of all sizes: some 6,000 frames
AT_ONCE = 20
HANDFULS = st.lists(st.tuples(frames(), moments(), st.integers(0, 1023)), min_size=AT_ONCE, max_size=AT_ONCE)
STEADY = settings(
    max_examples=200,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.data_too_large, HealthCheck.too_slow, HealthCheck.large_base_example],
)
# What is reached by the small town, where there are limits, and no grace period; by what hosts send; by rows/ alone
LIMITS = {"frame_limit", "guess_limit", "host_limit", "newcomer_limit", "prefix_cap", "prefix_limit", "total_limit"}
LIMITS |= {"source_limit", "source_waits", "syn_limit"}
STRAY = {"stray_ack", "stray_data", "stray_fin"}
OF_HOSTS = {reason.name for reason in Reason if reason.name.startswith("outbound")} | {"taught", "teach_limit"}
OF_ROWS = {"no_room", "learn_limit", "rule_limit", "rule_source_limit", "rule_drop"}


def test_a_burst_of_any_size_is_its_frames_one_by_one() -> None:
    single, bursts, clock = Native(state()), Bursts(state()), count(BOOTED, 3)
    reasons: Counter[Reason] = Counter()
    for size, events in zip(list(SIZES) * ROUNDS, several(Random(5)), strict=False):
        now_ms, ms = events[0].now_ms, next(clock)
        expected = [single.run(event.frame, now_ms, ms=ms) for event in events]
        found = bursts.together([event.frame for event in events], now_ms, size, ms=ms)
        assert [(one.reason, one.frame) for one in expected] == found, f"in a burst of {size}"
        reasons.update(one.reason for one in expected)
    assert {reason.name for reason in REASONS - reasons.keys()} <= LIMITS | STRAY | OF_HOSTS | OF_ROWS
    assert counted(bursts) == reasons
    assert everything(single) == everything(bursts)


def counted(engine: Native) -> Counter[Reason]:
    """Frames by reason, of all hosts together."""
    tallies = engine.own(0)["counters"].view(np.uint64).reshape(-1, FRONT_REASONS, 2)[:, :, 0].sum(axis=0)
    return Counter({reason: int(tallies[reason]) for reason in Reason if reason < FRONT_REASONS and tallies[reason]})


def several(rng: Random) -> Iterator[list[Event]]:
    """So many frames from the internet at a time as make a burst, of the next size."""
    made = from_outside(rng)
    for size in cycle(SIZES):
        yield list(islice(made, size))


def from_outside(rng: Random) -> Iterator[Event]:
    """Any frame there could be, and traffic of a few connections."""
    drawn: list[Event] = []
    for number in count():
        generated(number, HANDFULS, lambda handful: drawn.extend(with_neighbours(handful)))
        drawn.extend(traffic(rng, len(drawn)))
        rng.shuffle(drawn)
        yield from (event for event in drawn if event.side == "outside")
        drawn.clear()


def test_answers_have_the_tags_that_were_made_ahead() -> None:
    """Side by side, of IPv4 and IPv6, of cookies and challenges: none has to be made anew."""
    bursts, hosts = Bursts(), [world.WEB, world.WEB6, world.CHALLENGED, world.CHALLENGED6]
    sent = [syn(hosts[number % len(hosts)], number) for number in range(MOST_TOGETHER)]
    found = bursts.together(sent, world.NOW)
    items = bursts.own(0)["burst"].view(Burst)["items"][0]
    assert {reason for reason, _ in found} == {Reason.answered, Reason.challenged}
    for (reason, answer), item in zip(found, items, strict=True):
        segment = parse(answer)
        assert isinstance(segment, Segment)
        tag = int(item["query"]["tag"])
        if reason == Reason.answered:
            assert (segment.seq ^ tag) & TAG_BITS == 0
        else:
            assert segment.seq == tag >> 32


def syn(host: str, number: int) -> bytes:
    """A client's SYN; each has another address."""
    if ":" in host:
        return frame(IPv6(f"2001:db8:1::{number + 1:x}", host), Tcp(flags=SYN, seq=number))
    return frame(IPv4(f"198.51.100.{number + 1}", host), Tcp(flags=SYN, seq=number))


def test_a_small_towns_life_in_bursts() -> None:
    """Frames of one CPU at one moment go in a burst. One bucket of connections: they push each other out of it."""
    bursts, sizes = Bursts(), cycle(SIZES)
    together: Counter[int] = Counter()
    reasons: set[str] = set()

    @given(lives())
    @STEADY
    def each(life: Life) -> None:
        twin = Twin(world.state(slots=[None] * WAYS, seats=[None] * PROVEN_WAYS, **life.limits))
        bursts.forget()
        bursts.set_policy(twin.state)
        bursts.set_buckets(1)
        bursts.set_source_buckets(1)
        for (side, cpu, now_ms, ms), same in groupby(lived(life, twin), lambda one: one[0]):
            events = [(frame, outcome) for _, frame, outcome in same]
            together[len(events)] += side == "outside"
            if side == "outside":
                found = bursts.together([frame for frame, _ in events], now_ms, next(sizes), cpu=cpu, ms=ms)
            else:
                made = [bursts.run(frame, now_ms, "inside", cpu=cpu, ms=ms) for frame, _ in events]
                found = [(one.reason, one.frame) for one in made]
            assert found == [outcome for _, outcome in events]
            reasons.update(reason.name for reason, _ in found)
        assert bursts.known() == in_words(twin.state)
        assert bursts.proven() == sources_in_words(twin.state)

    each()
    assert reasons >= LIMITS | STRAY, (LIMITS | STRAY) - reasons
    assert max(together) >= 20 and sum(times for size, times in together.items() if size > 1) > 100, together


Lived = tuple[tuple[str, int, int, int | None], bytes, tuple[Reason, bytes]]


def lived(life: Life, twin: Twin) -> Iterator[Lived]:
    """What happens, as the twin sees it: side, CPU and moment; the frame; what becomes of it."""
    town = Town(twin.state, life.hosts)
    for deed, event in town.events(life):
        outcome = twin.run(event.frame, event.now_ms, event.side, cpu=event.cpu, ms=event.ms)
        if verdict(outcome.reason) == Verdict.REPLY and deed.what != "spike":
            town.answered(deed.client, outcome.frame)
        yield (event.side, event.cpu, event.now_ms, event.ms), event.frame, (outcome.reason, outcome.frame)
