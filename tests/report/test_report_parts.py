"""What is sampled and kept, the page, and the shelf: without a front."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import numpy as np
import pytest

from hardtack.control.report import samples, shelf
from hardtack.control.report.child import Child
from hardtack.control.report.facts import Case, facts_of
from hardtack.control.report.page import COLUMNS, LINES, page
from hardtack.control.report.samples import Reservoir, Samples
from hardtack.control.report.sampling import ATTACK_RATE, CALM_RATE, SOON, Sampling
from hardtack.control.report.shelf import MOST, NoReport, Shelf
from hardtack.control.report.traffic import Counts, Traffic
from hardtack.control.taps import Fate, Sample
from hardtack.packet.reasons import FRONT_REASONS, Reason
from report.made import ACK, Frame, flood, ordinary

HOST = 1


@dataclass
class Tap:
    """A tap on traffic of a steady rate: in a second `rate` frames, of which it takes one of `every`, `most` at most."""

    rate: int
    most: int = 4000
    every: int = 1
    on: bool = False
    told: Fate = field(default_factory=lambda: Fate(0, 0, 0))
    waiting: list[Sample] = field(default_factory=list)

    def extend(self) -> None:
        self.on = True

    def pause(self) -> None:
        self.on = False

    def thin(self, every: int) -> None:
        self.every = every

    def second(self) -> None:
        """One goes by."""
        if self.on:
            wanted = self.rate // self.every
            taken, before = min(wanted, self.most), self.told
            self.told = Fate(before.taken + taken, before.lost, before.over + wanted - taken)
            self.waiting += [Sample(0, 1, 60, 1, 0, 0, HOST, Reason.answered, 14, b"")] * taken

    def samples(self) -> Iterator[Sample]:
        found, self.waiting = self.waiting, []
        yield from found

    def fate(self) -> Fate:
        return self.told


@pytest.mark.parametrize("rate", [0, 30, 5_000, 800_000, 50_000_000])
def test_about_as_many_frames_come_whatever_the_rate(rate: int) -> None:
    tap = Tap(rate)
    sampling = Sampling(tap, 0.0)
    for second in range(20):
        found = sampling.look(float(second), attacked=True)
        tap.second()
    assert len(found) <= 2 * ATTACK_RATE and (len(found) >= min(rate, ATTACK_RATE / 2) or not rate)
    assert sum(weight for _, weight in found) == pytest.approx(rate, rel=0.1, abs=sampling.every)


def test_in_calm_it_is_off_but_for_a_second_now_and_then() -> None:
    tap = Tap(10_000)
    sampling = Sampling(tap, 0.0)
    on = list[int]()
    for second in range(300):
        sampling.look(float(second), attacked=False)
        on += [second] * tap.on
        tap.second()
    assert on[:3] == [0, int(SOON), int(2 * SOON)] and on[-1] - on[-2] == 30
    assert tap.told.taken < (len(on) + 2) * 2 * CALM_RATE


def test_a_reservoir_is_fair_to_weights_and_keeps_its_size() -> None:
    random = Random(1)
    reservoir = Reservoir(1000)
    for _ in range(4000):
        reservoir.add(b"few", 1.0, random.random())
    for _ in range(4000):
        reservoir.add(b"many", 9.0, random.random())
    frames = reservoir.frames()
    assert len(reservoir) == 1000 >= len(frames) and frames.count(b"many") / len(frames) > 0.8
    small = Reservoir(10_000)
    for _ in range(3000):
        small.add(b"few", 1.0, random.random())
        small.add(b"many", 9.0, random.random())
    thinned = small.frames()
    assert thinned.count(b"many") / len(thinned) == pytest.approx(0.9, abs=0.03)


def test_shares_are_right_when_an_attack_has_just_begun() -> None:
    """At first one of every four frames was taken, of a smaller flood: these are most of the samples."""
    random = Random(2)
    begun = Reservoir(4096)
    for number in range(2000):
        begun.add(b"client" if number % 10 == 0 else b"flood", 4.0, random.random())
    for _ in range(400):
        begun.add(b"flood", 20.0, random.random())
    frames = begun.frames()
    assert frames.count(b"client") / len(frames) == pytest.approx(800 / 16_000, abs=0.02)


def test_what_comes_just_before_an_attack_is_no_ordinary_traffic() -> None:
    some = Samples(1)
    some.calm(0.0, HOST, Reason.answered, b"early", 1.0)
    some.settle(Samples.QUARANTINE, set())
    some.calm(20.0, HOST, Reason.answered, b"late", 1.0)
    some.calm(20.0, HOST, Reason.outbound, b"the host's", 1.0)
    some.settle(21.0, {HOST})
    some.attacked(22.0, HOST, Reason.stray_ack, b"flood", 1.0)
    some.attacked(22.0, HOST, Reason.connection, b"known", 1.0)
    some.settle(60.0, {HOST})
    assert some.ordinary(HOST) == [b"early", b"known"] and some.attack(HOST) == [b"flood"]
    some.forget_attack(HOST)
    assert some.attack(HOST) == [] and some.ordinary(HOST) == [b"early"]


def test_memory_is_bounded_whatever_comes() -> None:
    some = Samples(1)
    for host in range(1, 200):
        for number in range(100):
            some.calm(float(host), host, Reason.answered, bytes(samples.SNAP), 1.0)
            some.attacked(float(host), host, Reason.answered, bytes(samples.SNAP), 1.0 + number)
    assert sum(len(some.attack(host)) > 0 for host in range(200)) == samples.MOST_ATTACKED
    some.settle(1e6, set())
    assert sum(len(some.ordinary(host)) > 0 for host in range(200)) <= samples.MOST_ORDINARY_HOSTS


def test_traffic_is_that_of_strangers() -> None:
    def counts(**frames: int) -> Counts:
        found = np.zeros(2 * FRONT_REASONS, np.int64)
        for name, many in frames.items():
            found[2 * Reason[name] : 2 * Reason[name] + 2] = many, 60 * many
        return found

    traffic = Traffic(counts(answered=5), 0.0)
    traffic.note(1.0, counts(answered=105, connection=50, outbound=70))
    traffic.note(3.0, counts(answered=205, connection=50, outbound=70, stray_ack=20))
    assert traffic.attack() == (220, 13_200) and (traffic.peak_frames, traffic.peak_octets) == (100, 6000)
    assert traffic.by_reason() == {"answered": (200, 12_000), "connection": (50, 3000), "stray_ack": (20, 1200)}


def case(**more: object) -> Case:
    """An attack that is over."""
    made = {"host": "web", "interfaces": ["eth0"], "began": 1e9, "ended": 1e9 + 75, "now": 1e9 + 140}
    return Case(**{**made, **more})  # type: ignore[arg-type]


def test_a_page_has_room_for_the_most() -> None:
    random = Random(1)
    bases: list[tuple[Frame, dict[str, object]]] = [
        (Frame(), {"ttl": 243}),
        (Frame(6), {"window": 9}),
        (Frame(flags=None), {"port": 53}),
        (Frame(flags=ACK), {"ttl": 3}),
        (Frame(), {"options": bytes.fromhex("0303070204020405b4010101")}),
    ]
    frames = [frame for base, planted in bases for frame in flood(random, 200, 1, base, dict(planted))]
    reasons = {reason.name: (10**12, 10**15) for reason in Reason if reason < FRONT_REASONS}
    facts = facts_of(case(host="w" * 300, attack=frames, ordinary=ordinary(random, 300), frames=10**14, octets=10**16,
                          by_reason=reasons, peak_frames=1e9, peak_octets=1e12))  # fmt: skip
    assert len(facts["rules"]) >= 4
    lines = page(facts).splitlines()
    assert len(lines) <= LINES and max(map(len, lines)) <= COLUMNS and lines[-1] == "Nothing was changed."
    assert page(json.loads(json.dumps(facts))) == page(facts)


def test_little_is_said_of_little() -> None:
    facts = facts_of(case(attack=[], ordinary=[]))
    assert facts["rules"] == [] and "only 0 frames of the attack were sampled" in page(facts)
    facts = facts_of(case(attack=flood(Random(1), 60, 1, Frame(), {"ttl": 243}), ordinary=[]))
    assert facts["rules"][0]["rule"] == "drop ip[8] = 243" and facts["rules"][0]["ordinary"] is None
    assert "ordinary ?, ordinary SYNs ?" in page(facts)


def test_the_shelf_keeps_the_newest(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "reports"
    (facts, text) = facts_of(case()), "page\n"
    with Shelf(folder) as made:
        (folder / ".left-over.json").touch()
        paths = [Path(made.put("../web\n", 1e9 + number // 2, facts, text)) for number in range(MOST + 10)]
    assert {path.parent for path in paths} == {folder} and paths[0].name == "20010909T014640Z-.._web_.txt"
    assert len([*folder.iterdir()]) == 2 * MOST and not paths[0].exists() and paths[-1].read_text() == text
    assert len(shelf.kept(folder)) == MOST and shelf.read(paths[-1])["host"] == "web"


def test_what_is_no_report_is_told(tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to("/etc/shadow")
    (tmp_path / "text.json").write_text("no")
    (tmp_path / "list.json").write_text("[]")
    os.mkfifo(tmp_path / "pipe.json")
    wrong = {"link": "cannot read", "text": "not JSON", "list": "another version", "pipe": "not a regular", "gone": "--list"}
    for name, said in wrong.items():
        with pytest.raises(NoReport, match=said):
            shelf.read(tmp_path / f"{name}.json")
    assert shelf.kept(tmp_path / "none") == []


def test_a_child_answers_fails_and_is_ended(tmp_path: Path) -> None:
    def ended(child: Child) -> bytes:
        while (answer := child.look()) is None:
            time.sleep(0.01)
        return answer

    with (tmp_path / "open").open("w") as file:
        assert ended(Child(lambda: b"x" * 500_000)) == b"x" * 500_000
        assert ended(Child(lambda: str(len([*Path("/proc/self/fd").iterdir()])).encode(), file.fileno())) == b"6"
    assert ended(Child(lambda: b"%d" % (1 // 0))) == b""
    assert ended(Child(lambda: bytes(2 << 30)[:1])) == b"", "it may not have so much memory"
    slow = Child(lambda: time.sleep(60) or b"")  # type: ignore[func-returns-value]
    assert slow.look() is None
    slow._due = 0.0
    assert slow.look() == b""
    with pytest.raises(ProcessLookupError):
        os.kill(slow.pid, 0)
