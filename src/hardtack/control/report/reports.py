"""Reports of a front's attacks: what is sampled and counted meanwhile, and who computes the report when one is over."""

from __future__ import annotations

import json
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from hardtack import journal
from hardtack.control.attacks.watching import Attacked, Attacks
from hardtack.control.pinned import key_of
from hardtack.control.report.child import Child
from hardtack.control.report.facts import Case, facts_of
from hardtack.control.report.headers import untagged
from hardtack.control.report.page import page
from hardtack.control.report.samples import MOST_ATTACKED, SNAP, Samples
from hardtack.control.report.sampling import Sampling
from hardtack.control.report.shelf import Shelf
from hardtack.control.report.traffic import Counts, Traffic
from hardtack.control.taps import Sample
from hardtack.kernel.maps import Map

FRESH = 2.5  # s since an attack was seen: what comes later may be anybody's
MOST_WAITING = 32  # reports to be computed, one after the other
Answer = Callable[[dict[str, Any]], None]


@dataclass
class Current:
    """An attack that goes on."""

    attacked: Attacked
    traffic: Traffic


@dataclass
class Wanted:
    """A report, or several, to be computed. `answer`: who has asked; None: it is to be kept."""

    cases: Sequence[Case]
    answer: Answer | None = None


class Reports:
    """Of a front. `shelf`: None where there is no room for them: then only those are computed that somebody asks for."""

    def __init__(
        self, attacks: Attacks, counters: Map, sampling: Sampling, shelf: Shelf | None, interfaces: Sequence[str]
    ) -> None:
        self._attacks, self._counters, self._sampling, self._shelf = attacks, counters, sampling, shelf
        self._interfaces, self._samples = [*interfaces], Samples()
        self._current: dict[int, Current] = {}
        self._waiting: deque[Wanted] = deque(maxlen=MOST_WAITING)
        self._now: tuple[Wanted, Child] | None = None
        self._broken = ""

    def write(self) -> None:
        """To be called every second, after the attacks. Whatever goes wrong here, the front goes on."""
        if self._broken:
            return
        try:
            self._look()
        except Exception as error:
            self._broken = f"{type(error).__name__}: {error}"
            journal.note("no-reports", logging.WARNING, why=f"until the next start: {self._broken}")
            journal.JOURNAL.debug("reports", exc_info=error)

    def _look(self) -> None:
        now, attacked = time.monotonic(), self._attacks.attacked()
        for number in [number for number, one in self._current.items() if changed(one, attacked.get(number))]:
            self._end(number, now)
        for number, one in attacked.items():
            self._go_on(number, one, now)
        self._sample(now, attacked)
        self._compute()

    def so_far(self, name: str | None, answer: Answer) -> None:
        """A report on an attack that goes on, or on all of them; to `answer`, later."""
        now = time.monotonic()
        some = [(number, one) for number, one in self._current.items() if name in (None, one.attacked.name)]
        if self._broken:
            answer(done(problems=[f"reports are off until the next start: {self._broken}"]))
        elif not some:
            answer(done(problems=[f'host "{name}" is not under attack' if name else "no host is under attack"]))
        elif len(self._waiting) >= MOST_WAITING - 1:
            answer(done(problems=["too many reports are being computed: try again later"]))
        else:
            self._waiting.append(Wanted([self._case(number, one, now, None) for number, one in some], answer))

    def close(self) -> None:
        """Nothing more is computed."""
        if self._now:
            self._now[1].end()
            self._now = None

    def __enter__(self) -> Reports:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _go_on(self, number: int, one: Attacked, now: float) -> None:
        if number in self._current:
            current = self._current[number]
            current.attacked = one
            current.traffic.note(now, self._counts(number))
        elif len(self._current) < MOST_ATTACKED:
            self._current[number] = Current(one, Traffic(self._counts(number), now))

    def _end(self, number: int, now: float) -> None:
        """It is over: have its report computed."""
        current = self._current.pop(number)
        quiet = min(now - current.attacked.seen, now - current.traffic.began)
        if self._shelf:
            self._waiting.append(Wanted([self._case(number, current, now, time.time() - quiet)]))
        self._samples.forget_attack(number)

    def _sample(self, now: float, attacked: dict[int, Attacked]) -> None:
        for one, weight in self._sampling.look(now, bool(self._current)):
            if not one.host:
                continue
            frame = untagged(one.frame, one.begin)[:SNAP]
            if one.host not in attacked:
                self._samples.calm(now, one.host, one.reason, frame, weight)
            elif self._is_of_attack(one, now):
                self._samples.attacked(now, one.host, one.reason, frame, weight)
        self._samples.settle(now, {*attacked})

    def _is_of_attack(self, one: Sample, now: float) -> bool:
        """Whether it came while the attack was seen. The second before that is half calm, and its frames are not counted."""
        current = self._current.get(one.host)
        return current is not None and one.when >= current.traffic.began * 1e9 and now - current.attacked.seen < FRESH

    def _case(self, number: int, current: Current, now: float, ended: float | None) -> Case:
        frames, octets = current.traffic.attack()
        return Case(
            host=current.attacked.name,
            interfaces=self._interfaces,
            began=current.attacked.since,
            ended=ended,
            now=time.time(),
            why=current.attacked.why,
            frames=frames,
            octets=octets,
            peak_frames=current.traffic.peak_frames,
            peak_octets=current.traffic.peak_octets,
            by_reason=current.traffic.by_reason(),
            attack=self._samples.attack(number),
            ordinary=self._samples.ordinary(number),
            every=self._sampling.every,
        )

    def _compute(self) -> None:
        """Look after the child, and have the next one begin."""
        if self._now and (answer := self._now[1].look()) is not None:
            wanted, self._now = self._now[0], None
            finish(wanted, answer)
        if not self._now and self._waiting:
            wanted = self._waiting.popleft()
            shelf = None if wanted.answer else self._shelf
            try:
                self._now = wanted, Child(partial(computed, wanted.cases, shelf), shelf.fd if shelf else -1)
            except OSError as error:
                finish(wanted, b"", error.strerror or "")

    def _counts(self, number: int) -> Counts:
        each = np.frombuffer(b"".join(self._counters.lookup_all(key_of(number))), np.int64)
        return np.asarray(each.reshape(-1, self._counters.table.value_size // 8).sum(0))


def changed(current: Current, now: Attacked | None) -> bool:
    """Whether the attack is over; another one may have begun, or the number be another host's."""
    return now is None or (now.name, now.since) != (current.attacked.name, current.attacked.since)


def computed(cases: Sequence[Case], shelf: Shelf | None) -> bytes:
    """In the child: the facts of all; or, where they are kept, where."""
    reports = [facts_of(case) for case in cases]
    if not shelf:
        return json.dumps(reports).encode()
    paths = [shelf.put(case.host, case.now, facts, page(facts)) for case, facts in zip(cases, reports, strict=True)]
    return json.dumps(paths).encode()


def finish(wanted: Wanted, result: bytes, why: str = "it took too long or failed: see the log lines before") -> None:
    """Say what has become of it. `result`: b"" is a failure."""
    try:
        found = json.loads(result)
    except ValueError:
        found = None
    if wanted.answer:
        wanted.answer(done(problems=[why]) if found is None else done(found))
    elif found is None:
        journal.note("report-failed", logging.WARNING, host=wanted.cases[0].host, why=why)
    else:
        journal.note("report", host=wanted.cases[0].host, file=found[0])


def done(reports: Sequence[dict[str, Any]] = (), problems: Sequence[str] = ()) -> dict[str, Any]:
    """An answer; a contract."""
    return {"reports": [*reports], "problems": [*problems]}
