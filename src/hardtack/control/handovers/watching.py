"""Watches hand-overs from second to second, by counters and the connection table; has hosts answer their clients themselves
where the configuration wants that, and says so: in the journal, and in a table for `hardtack status`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from hardtack import journal
from hardtack.control.configuration.schema import Config, Host
from hardtack.control.connections import ConnectionTable
from hardtack.control.handovers.causes import likely
from hardtack.control.handovers.evidence import handed_over
from hardtack.control.handovers.failures import FAILURES, Failure, entry_of
from hardtack.control.handovers.judging import Counts, Course
from hardtack.control.handshakes import Handshakes, Held, at_times
from hardtack.control.numbers import Numbering
from hardtack.control.pinned import key_of
from hardtack.control.totals import totals
from hardtack.image import ONLY
from hardtack.kernel.maps import Map
from hardtack.packet.layout import COOKIE
from hardtack.packet.reasons import Reason

SHARE = 20  # looking takes one part in so many of this process's time at most: tables may be very large
BEGUN, FIRST, REFUSED = (Reason.remembered, Reason.opened), (Reason.outbound_first,), (Reason.outbound_refused,)


@dataclass
class Watched:
    """A host, what is known of its hand-overs, and what is told of them. `by_cookie`: what the failure was seen by."""

    host: Host
    course: Course
    by_cookie: bool = False
    failure: Failure | None = None
    told: Failure | None = None


class Pace:
    """Has something done once a second, or less often if it takes long."""

    def __init__(self) -> None:
        self._due = 0.0

    def is_due(self) -> bool:
        """Whether it is time."""
        return time.monotonic() >= self._due

    def took(self, since: float) -> None:
        """It was done, from this moment of the monotonic clock on."""
        now = time.monotonic()
        self._due = now + SHARE * (now - since) - 0.5  # less than a second: the next time


class Handovers:
    """Those of a front's hosts. `found`: what was found at the start, by name."""

    def __init__(
        self,
        tables: Mapping[str, Map],
        handshakes: Handshakes,
        config: Config,
        numbers: Numbering,
        found: Mapping[str, Failure],
    ) -> None:
        self._counters, self._told, self._handshakes = tables["counters"], tables[FAILURES.name], handshakes
        self._table = ConnectionTable(
            tables["places"].lookup(ONLY) or b"", tables["tags"].memory(), tables["connections"].memory()
        )
        self._counting, self._searching = Pace(), Pace()
        self._watched: dict[int, Watched] = {}
        self.configure(config, numbers)
        for number, one in self._watched.items():
            if failure := found.get(one.host.name):
                one.course.begin(failure.kind, now())
                one.failure, one.by_cookie = failure, handshakes[number].configured == COOKIE
                self._settle(number, one)
                warn(one.host, one.failure)

    def configure(self, config: Config, numbers: Numbering) -> None:
        """Watch these from now on. What is known of a host stays, as long as it is reached in the same way."""
        counts, before, ms = self._counts(), self._watched, now()
        self._watched = {}
        for host in config.hosts:
            if host.dry_run:
                continue
            number = numbers[host.name]
            known = before.pop(number, None)
            if known is None or not alike(known.host, host):
                told = known.told if known else None
                known = Watched(host, Course(config.hears(host), counts[number], ms), told=told)
            self._watched[number] = replace(known, host=host)
            self._settle(number, self._watched[number])
        for number, one in before.items():
            self._tell(number, one, None)

    def write(self) -> None:
        """Every second: look, judge, act."""
        if not self._counting.is_due():
            return
        since, ms, counts = time.monotonic(), now(), self._counts()
        for number, one in self._watched.items():
            one.course.look(counts[number], ms)
        self._counting.took(since)
        by_cookie = {number for number, one in self._watched.items() if self._is_by_cookie(number, one)}
        changed = [n for n, one in self._watched.items() if one.course.give_up(ms)]
        changed += [n for n, one in self._watched.items() if n not in by_cookie and one.course.judge_silence(ms)]
        for number in [*changed, *self._searched(by_cookie, ms)]:
            self._turn(number, self._watched[number], number in by_cookie)
        for number, one in self._watched.items():
            if one.course.kind:
                self._settle(number, one)  # an attack may have begun, or ended

    def _searched(self, by_cookie: set[int], ms: int) -> list[int]:
        """Those of which something else is so, by single connections."""
        ages = {n: self._watched[n].course.age(ms) for n in by_cookie if self._watched[n].course.is_suspect(ms)}
        if not ages or not self._searching.is_due():
            return []
        since = time.monotonic()
        named = [number for number in ages if self._watched[number].host.ports]
        found = handed_over(self._table.rows, self._table.tags, ages, named, ms)
        self._searching.took(since)
        return [number for number, handed in found.items() if self._watched[number].course.judge_handed(handed, ms)]

    def _is_by_cookie(self, number: int, one: Watched) -> bool:
        """Whether cookies are handed over to it; or were, when that failed."""
        held = self._handshakes[number]
        return one.by_cookie if one.course.kind else held.configured == COOKIE and held.protected

    def _turn(self, number: int, one: Watched, by_cookie: bool) -> None:
        """A failure begins, becomes another, or ends."""
        before, one.by_cookie = one.failure, by_cookie
        if one.course.kind:
            finding = likely(one.host, one.course.kind, by_cookie)
            one.failure = Failure(one.course.kind, time.time(), False, finding.what, finding.remedy)
        self._settle(number, one)
        if one.failure:
            warn(one.host, one.failure)
        elif before:
            event = "hand-over-works" if one.course.is_seen else "hand-over-unseen"
            journal.note(event, host=one.host.name, seconds=round(time.time() - before.since, 1))

    def _settle(self, number: int, one: Watched) -> None:
        """Have it answer its clients by itself, or not any more; and have that told."""
        held, failing = self._handshakes[number], one.course.kind in ("reset", "silence")
        passing, unanswered = failing and one.by_cookie and passes(one.host, held), failing and not one.by_cookie
        if (held.failing, held.unanswered) != (passing, unanswered):
            self._handshakes.set(number, failing=passing, unanswered=unanswered)
        self._tell(number, one, replace(one.failure, passing=passing) if one.course.kind and one.failure else None)

    def _tell(self, number: int, one: Watched, failure: Failure | None) -> None:
        """For `hardtack status`."""
        if failure != one.told:
            self._told.update(key_of(number), entry_of(failure))
        one.failure = one.told = failure

    def _counts(self) -> dict[int, Counts]:
        """Of each host, by number."""
        tallies = totals(self._counters)  # frames of a reason: entries.frames_of
        columns = (tallies[:, [2 * reason for reason in some]].sum(1).tolist() for some in (BEGUN, FIRST, REFUSED))
        return {number: Counts(*counts) for number, counts in enumerate(zip(*columns, strict=True))}


def passes(host: Host, held: Held) -> bool:
    """Whether a host whose hand-overs fail is to answer its clients by itself.

    By default outside an attack; and in one, if it was known before that hand-overs fail, until they work.
    """
    if host.on_failure:
        return host.on_failure == "pass"
    return at_times(host) and (not held.protected or held.failing)


def warn(host: Host, failure: Failure) -> None:
    """One line of the journal."""
    facts = {"kind": failure.kind, "passing": str(failure.passing).lower()}
    journal.note("hand-over-fails", logging.WARNING, host=host.name, **facts, cause=failure.cause, remedy=failure.remedy)


def alike(one: Host, other: Host) -> bool:
    """Whether what is known of one's hand-overs is true of the other, too."""
    names = ("name", "addresses", "via", "mac", "out", "vlan", "handshake", "key_file", "options", "window_scale")
    return all(getattr(one, name) == getattr(other, name) for name in names)


def now() -> int:
    """Monotonic ms."""
    return time.monotonic_ns() // 1_000_000
