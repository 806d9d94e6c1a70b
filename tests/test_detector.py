"""When a host counts as attacked: series of counters, a second each, and what is decided of them. No kernel, no clock."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import pytest

from hardtack.control.attacks.detector import QUIET, Counted, Detector, Thresholds
from hardtack.control.attacks.entry import Entries, Entry, attack_in, is_protected

MINUTE, HOUR = 60, 3600
WEB = 0  # the row of the host that all of this is about; others are calm


@dataclass(frozen=True)
class Second:
    """What a host is sent in a second: honest SYNs and spoofed ones; and how many handshakes end."""

    honest: float = 0
    spoofed: float = 0
    strays: float = 0
    ended: float | None = None  # None: of all honest ones
    said: float = 0


@dataclass
class Trial:
    """One detector, fed second by second."""

    state: Entries = field(default_factory=lambda: np.zeros(3, Entry))
    syns: float = math.nan
    strays: float = math.nan
    learning: bool = True
    quiet: float = QUIET
    now: float = 1000.0
    events: list[tuple[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state["at_times"] = 1
        self.detector = Detector(self.state, self.now, self.quiet)

    def second(self, one: Second, seconds: float = 1.0) -> None:
        """Let it be judged."""
        self.now += seconds
        ended = one.honest if one.ended is None else one.ended
        row = np.array([one.honest + one.spoofed, ended, one.strays, one.said]) * seconds
        calm = np.array([5.0, 5.0, 1.0, 5.0]) * seconds
        told = Thresholds(np.full(3, self.syns), np.full(3, self.strays), np.array([self.learning] * 3))
        begin, over = self.detector.judge(Counted(*np.array([row, calm, calm]).T), told, seconds, self.now)
        self.state["since"][begin] = 1e9 + self.now
        self.state["since"][over] = 0
        assert {*begin, *over} <= {WEB}
        self.events += [("begin", self.now)] * len(begin) + [("over", self.now)] * len(over)

    def feed(self, series: Iterable[Second]) -> Trial:
        """Some seconds, one after the other."""
        for one in series:
            self.second(one)
        return self

    @property
    def attacked(self) -> bool:
        """Now."""
        return bool(self.state["since"][WEB] > 0)

    @property
    def why(self) -> list[str]:
        """What has shown the attack."""
        told = attack_in(self.state[WEB])
        return told.why if told else []


def calm(seconds: int, rate: float = 100, lost: float = 0.02) -> list[Second]:
    """Usual business: a few handshakes never end, a few strays come."""
    return [Second(rate, strays=rate / 50, ended=rate * (1 - lost))] * seconds


def crowd(rates: Iterable[float], round_trip: float, before: float) -> list[Second]:
    """Honest clients, so many SYNs in each second; each handshake ends a round trip after it has begun."""
    rates = [*rates]
    earlier = [before, *rates[:-1]]
    return [
        Second(now, ended=now * (1 - round_trip) + then * round_trip, strays=now / 20)
        for now, then in zip(rates, earlier, strict=True)
    ]


def started(rate: float, phase: float, usual: float = 100, kind: str = "spoofed") -> list[Second]:
    """The two looks after a flood has begun, `phase` of a second before the first of them."""
    first, then = ({kind: part * rate} for part in (phase, 1.0))
    return [Second(usual, **first), Second(usual, **then)]


def test_calm_is_calm() -> None:
    for rate in (0, 1, 10, 1000, 50_000):
        trial = Trial().feed(calm(HOUR, rate))
        assert not trial.events, rate


@pytest.mark.parametrize("phase", [0.05, 0.3, 0.999])
@pytest.mark.parametrize("usual", [0, 100, 5000])
@pytest.mark.parametrize("rate", [500, 20_000, 1_000_000])
@pytest.mark.parametrize("kind", ["spoofed", "strays"])
def test_a_flood_is_seen_within_two_seconds(kind: str, rate: float, usual: float, phase: float) -> None:
    """By the second look, which comes a second and `phase` after it has begun."""
    rate = max(rate, 4 * usual, 30_000 if kind == "strays" else 0)  # honest handshakes leave strays, too
    trial = Trial().feed(calm(10 * MINUTE, usual)).feed(started(rate, phase, usual, kind))
    assert trial.attacked and {"spoofed": "unfinished"}.get(kind, kind) in trial.why


def test_a_flood_at_the_first_start_is_seen() -> None:
    """Nothing has been learned yet, and nothing is while it lasts."""
    trial = Trial().feed([Second(50, spoofed=10_000)] * 5)
    assert trial.attacked
    trial.feed([Second(50, spoofed=10_000)] * HOUR)
    assert trial.attacked and trial.state["usual"][WEB].max() < 100


def test_it_is_over_a_minute_after_its_end_and_its_peak_is_told() -> None:
    trial = Trial().feed(calm(MINUTE)).feed([Second(100, spoofed=9_000)] * 10).feed([Second(100, spoofed=30_000)])
    trial.feed(calm(59))
    assert trial.attacked
    trial.feed(calm(1))
    assert not trial.attacked and [event for event, _ in trial.events] == ["begin", "over"]
    assert trial.state["peak"][WEB].round().tolist() == [30_100, 30_000, 2]


@pytest.mark.parametrize("usual", [1, 100, 4000])
@pytest.mark.parametrize("round_trip", [0.01, 0.1, 0.3, 0.45])
def test_a_crowd_is_none(usual: float, round_trip: float) -> None:
    """Twenty times the usual, from one moment to the next or within ten seconds, and it goes as it has come."""
    many = 20 * usual
    rising = [usual + (many - usual) * step / 10 for step in range(1, 11)]
    for phase in (0.02, 0.1, 0.5, 0.95):  # of the first second, a part
        early = max(0.0, phase - round_trip) * (many - usual)
        first = Second(usual + (many - usual) * phase, ended=usual + early)
        then = Second(many, ended=many - early + (many - usual) * (phase - round_trip))
        trial = Trial().feed(calm(10 * MINUTE, usual)).feed([first, then])
        trial.feed(crowd([many] * 2 * MINUTE, round_trip, many)).feed(crowd([usual] * MINUTE, round_trip, many))
        assert not trial.events
    trial = Trial().feed(calm(10 * MINUTE, usual)).feed(crowd(rising + [many] * MINUTE + rising[::-1], round_trip, usual))
    assert not trial.events


def test_a_crowd_that_no_table_has_room_for_is_one() -> None:
    trial = Trial().feed(calm(MINUTE, 1000)).feed(crowd([300_000] * 2, 0.1, 1000))
    assert trial.attacked and trial.why == ["syns"]


@pytest.mark.parametrize("on", [1, 2, 3])
@pytest.mark.parametrize("off", [5, 20, 50])
@pytest.mark.parametrize("kind", ["spoofed", "strays"])
def test_a_flood_that_pulses_is_one_attack(kind: str, on: int, off: int) -> None:
    trial = Trial().feed(calm(MINUTE))
    pulses = [*started(20_000, 0.5, kind=kind), *[Second(100, **{kind: 20_000})] * on, *calm(off)] * 10
    trial.feed(pulses)
    assert trial.attacked and len(trial.events) == 1


def test_a_flood_that_pulses_for_less_than_a_look_is_seen_by_what_it_leaves() -> None:
    trial = Trial().feed(calm(MINUTE)).feed([Second(100, spoofed=2000), *calm(6)] * 3)
    assert trial.attacked and len(trial.events) == 1


def test_a_slow_rise_is_seen_while_it_is_small() -> None:
    """Ten times as much in an hour; what it walks up of the usual is next to nothing."""
    trial = Trial().feed(calm(HOUR))
    for second in range(10 * HOUR):
        spoofed = 10 ** (second / HOUR)
        trial.second(Second(100, spoofed=spoofed, ended=98))
        if trial.attacked:
            break
    assert trial.attacked and spoofed < 100


def test_the_usual_grows_slowly_and_falls_soon() -> None:
    trial = Trial().feed(calm(HOUR)).feed([Second(100, spoofed=7)] * HOUR)
    assert not trial.events
    for hour in range(1, 4):  # as much as goes without being an attack
        for _ in range(HOUR):
            usual = trial.state["usual"][WEB][1]
            trial.second(Second(100, spoofed=min(3 * usual, 0.1 * 100), ended=100))
        assert not trial.events and trial.state["usual"][WEB][1] < 8 * 2**hour
    trial.feed(calm(HOUR))
    assert trial.state["usual"][WEB][1] < 3


@pytest.mark.parametrize("rate", [9, 20, 60])
def test_a_slow_flood_against_a_small_server_is_seen(rate: float) -> None:
    """It has room for 128 half-open connections."""
    trial = Trial().feed(calm(10 * MINUTE, 2))
    trial.feed([Second(2, spoofed=rate)] * 30)
    assert trial.attacked and trial.why == ["unfinished"]


def test_scanners_are_none() -> None:
    """What every address gets; and whoever tries a thousand closed ports, which the host refuses."""
    trial = Trial().feed(calm(10 * MINUTE, 2)).feed([Second(2, spoofed=1), Second(2, spoofed=4)] * 5 * MINUTE)
    trial.feed([Second(honest=1000, ended=1000)] * 3)
    assert not trial.events


def test_usual_noise_is_learned_and_more_of_it_is_none() -> None:
    """A network of many addresses, most of which are nobody's."""
    trial = Trial()
    for step in range(1, 5):
        trial.feed([Second(200, spoofed=7 * step)] * 2 * HOUR)
    assert not trial.events and 25 < trial.state["usual"][WEB][1] < 30
    trial.feed([Second(200, spoofed=100)] * MINUTE)
    assert not trial.events
    trial.feed([Second(200, spoofed=300)] * 3)
    assert trial.attacked


def test_a_host_that_is_down_is_not_attacked() -> None:
    """Where what it says is heard: it says nothing. What is flooded says something still."""
    alive, dead = Second(100, ended=98, said=500), Second(100, ended=0, said=0)
    trial = Trial().feed([alive] * HOUR).feed([dead] * 5 * MINUTE)
    assert not trial.events
    trial.feed([alive] * MINUTE).feed([Second(100, spoofed=10_000, ended=3, said=20)] * 2)
    assert trial.attacked
    fall = [Second(100, spoofed=20, said=5), *[Second(100, spoofed=500, ended=0)] * 9]
    trial = Trial().feed([alive] * HOUR).feed(fall)
    assert trial.attacked, "a flood has brought it down"


def test_a_start_goes_on_with_what_was_decided() -> None:
    """In the middle of an attack, however long nobody has looked; then it decides anew."""
    before = Trial().feed(calm(HOUR)).feed([Second(100, spoofed=9_000)] * 10)
    since = before.state["since"][WEB]
    trial = Trial(state=before.state.copy(), now=before.now + 10 * HOUR)
    assert trial.attacked and trial.state["since"][WEB] == since
    trial.feed(calm(59))
    assert trial.attacked
    trial.feed(calm(1))
    assert not trial.attacked
    assert trial.state["usual"][WEB][0] > 90, "learned before"


def test_whoever_says_on_or_off_is_heeded() -> None:
    trial = Trial().feed(calm(MINUTE))
    assert not is_protected(trial.state)[WEB]
    trial.state["override"][WEB] = 1
    assert is_protected(trial.state)[WEB] and not trial.attacked
    trial.state["override"][WEB] = 2
    trial.feed([Second(100, spoofed=9_000)] * 3)
    assert trial.attacked and not is_protected(trial.state)[WEB], "it is told, and nothing is switched"
    trial.state["override"][WEB] = 0
    assert is_protected(trial.state)[WEB]


def test_thresholds_are_all_that_counts() -> None:
    """An attack begins with the second that reaches one, and goes on above half of it."""
    crowds: Callable[[float], list[Second]] = lambda rate: crowd([rate] * 5, 0.1, rate)  # noqa: E731
    trial = Trial(syns=5000, strays=5000)
    trial.feed([Second(100, spoofed=4000, strays=4900)] * 5 * MINUTE)
    assert not trial.events
    assert trial.feed(crowds(5000)).attacked and trial.why == ["syns"]
    trial.feed(crowds(2500) * 20)
    assert len(trial.events) == 1
    trial.feed(crowds(2400) * 12)
    assert not trial.attacked
    trial.second(Second(100, strays=5000))
    assert trial.attacked and trial.why == ["strays"]


def test_a_dry_run_is_judged_by_thresholds_alone() -> None:
    """Its handshakes are not followed, so none of them ends."""
    trial = Trial(learning=False).feed([Second(1000, ended=0, strays=5000)] * MINUTE)
    assert not trial.events and not trial.state["usual"][WEB].any()
    trial = Trial(learning=False, syns=900).feed([Second(1000, ended=0)])
    assert trial.attacked


def test_a_look_that_comes_late_is_a_longer_second() -> None:
    trial = Trial().feed(calm(MINUTE))
    for seconds in (0.7, 5.0, 1.3, 30.0):
        trial.second(calm(1)[0], seconds)
    assert not trial.events
    trial.second(Second(100, spoofed=500), 3.0)
    trial.second(Second(100, spoofed=500), 3.0)
    assert trial.attacked


def test_another_host_in_its_place_begins_anew() -> None:
    trial = Trial().feed(calm(HOUR)).feed([Second(100, spoofed=9_000)] * 10)
    trial.detector.forget(WEB)
    trial.state["at_times"] = 1
    assert not trial.attacked and not trial.state["usual"][WEB].any()
    trial.events.clear()
    trial.feed(calm(MINUTE))
    assert not trial.events
