"""A front's hosts, looked at every second: attacks are told of, and hosts switched that are protected only under attack."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hardtack import journal
from hardtack.control.attacks.counting import COLUMNS, WORDS, counted
from hardtack.control.attacks.detector import Detector, Thresholds
from hardtack.control.attacks.entry import (
    ALWAYS,
    AT_TIMES,
    ATTACKS,
    OVERRIDES,
    Attack,
    Override,
    attack_in,
    entries_of,
    is_protected,
    reasons,
)
from hardtack.control.configuration.schema import Config, Host
from hardtack.control.handshakes import Handshakes, at_times
from hardtack.control.numbers import Numbering
from hardtack.control.totals import sums
from hardtack.kernel.maps import Map, possible_cpus
from hardtack.kernel.standing import Standing
from hardtack.mistake import Mistake

MOST_READ = 256 << 20  # bytes of counters in a second, some 0.1 s of a CPU's time; where there are more, they take turns
MOST_TOLD = 20  # attacks that begin or end at once, a line each
UNKNOWN = -1


class NotAtTimes(Mistake):
    """A host that cannot be switched."""

    status = 1


class Attacked(NamedTuple):
    """A host under attack. `since`: unix s; `seen`: when it was last, monotonic s; `why`: of KINDS."""

    name: str
    since: float
    seen: float
    why: list[str]


@dataclass
class Part:
    """Some of the hosts, by number, that are looked at together. `at`: when they were, monotonic s."""

    first: int
    detector: Detector
    before: npt.NDArray[np.int64]  # all that was counted, by COLUMNS; UNKNOWN where it was not looked at
    at: float

    @property
    def rows(self) -> slice:
        """Their place among all."""
        return slice(self.first, self.first + len(self.before))


class Attacks:
    """Of a front. What the one before has decided holds until this one knows better."""

    def __init__(self, front: Standing, handshakes: Handshakes) -> None:
        self._counters, self._handshakes = front.tables["counters"], handshakes
        self.entries = entries_of(front.tables[ATTACKS.name])
        if old := front.old.get(ATTACKS.name):
            known = min(len(self.entries), old.table.entries)
            self.entries[:known] = entries_of(old)[:known]
        many = len(self.entries)
        self._hosts: dict[int, Host] = {}
        self._heard, self._told = np.zeros(many, bool), nothing_told(many)
        self._parts, self._turn = [*parted(self.entries, self._counters)], 0

    def configure(self, config: Config, numbers: Numbering, fresh: Iterable[int]) -> None:
        """Have these hosts; nothing is known of `fresh` numbers. Handshakes are to be configured next."""
        for number in fresh:
            part = next(part for part in self._parts if part.rows.start <= number < part.rows.stop)
            part.detector.forget(number - part.first)
            part.before[number - part.first] = UNKNOWN
        self._hosts = {numbers[host.name]: host for host in config.hosts}
        kinds = np.zeros(len(self.entries), np.uint8)
        kinds[[*self._hosts]] = [AT_TIMES if at_times(host) else ALWAYS for host in self._hosts.values()]
        self.entries["at_times"] = kinds
        self.entries["override"][kinds != AT_TIMES], self.entries["since"][kinds == 0] = 0, 0
        self._told = nothing_told(len(self.entries))
        for number, host in self._hosts.items():
            self._heard[number] = config.hears(host)
            self._told.syns[number], self._told.strays[number] = host.attack_syns or np.nan, host.attack_strays or np.nan
            self._told.learning[number] = not host.dry_run  # its handshakes are not followed to their end

    def protected(self) -> Mapping[int, bool]:
        """Of hosts that are protected only under attack, by number, whether their own handshakes hold."""
        holds = is_protected(self.entries)
        return {number: bool(holds[number]) for number, host in self._hosts.items() if at_times(host)}

    def write(self) -> None:
        """To be called every second."""
        self.look(time.monotonic())

    def look(self, now: float) -> None:
        """At those whose turn it is; `now`: monotonic s."""
        parts = [part for part in self._parts if self.entries["at_times"][part.rows].any()]
        if parts:
            self._look(parts[self._turn % len(parts)], now)
            self._turn += 1

    def override(self, name: str, to: Override) -> Attack:
        """Have a host protected, or not, or as it is attacked. NotAtTimes."""
        number = next((number for number, host in self._hosts.items() if host.name == name), None)
        if number is None or not at_times(self._hosts[number]):
            raise NotAtTimes(why_not(name, None if number is None else self._hosts[number]))
        self.entries["override"][number] = OVERRIDES.index(to)
        self._switch([number])
        journal.note("protect", host=name, set=to, protected=str(self.told(number).protected).lower())
        return self.told(number)

    def told(self, number: int) -> Attack:
        """How it stands with a host."""
        found = attack_in(self.entries[number])
        assert found
        return found

    def all(self) -> dict[str, Attack]:
        """Likewise with all that can be switched, by name."""
        return {host.name: self.told(number) for number, host in self._hosts.items() if at_times(host)}

    def attacked(self) -> dict[int, Attacked]:
        """Those under attack now, by number."""
        found = {}
        for number in np.flatnonzero(self.entries["since"] > 0).tolist():
            if host := self._hosts.get(number):
                one = self.entries[number]
                found[number] = Attacked(host.name, float(one["since"]), float(one["seen"]), reasons(int(one["why"])))
        return found

    def _look(self, part: Part, now: float) -> None:
        """Of a part: what has been counted since it was looked at last."""
        rows = part.rows
        mine = np.flatnonzero(self.entries["at_times"][rows])
        counts = np.full_like(part.before, UNKNOWN)
        counts[mine] = sums(self._counters, mine + part.first, WORDS)
        new = np.where((part.before == UNKNOWN) | (counts < part.before), 0, counts - part.before).astype(float)
        seconds, part.before, part.at = now - part.at, counts, now
        syns, strays, learning = self._told
        told = Thresholds(syns[rows], strays[rows], learning[rows])
        begin, over = part.detector.judge(counted(new, self._heard[rows]), told, max(seconds, 0.001), now)
        self._begin([part.first + row for row in begin])
        self._end([part.first + row for row in over])

    def _begin(self, numbers: list[int]) -> None:
        self.entries["since"][numbers] = time.time()
        self._switch(numbers)
        for number in numbers[:MOST_TOLD]:
            one = self.told(number)
            self._note("under-attack", number, {"why": ",".join(one.why), **rates_of(one)}, logging.WARNING)
        tell_rest("under-attack", numbers)

    def _end(self, numbers: list[int]) -> None:
        ended = {number: self.told(number) for number in numbers}
        self.entries["since"][numbers] = 0
        self._switch(numbers)
        for number, one in [*ended.items()][:MOST_TOLD]:
            seconds = round(time.time() - (one.since or 0))
            self._note("attack-over", number, {"seconds": seconds, "why": ",".join(one.why), **rates_of(one, "peak_")})
        tell_rest("attack-over", numbers)

    def _note(self, event: str, number: int, facts: dict[str, object], level: int = logging.INFO) -> None:
        """Also of a host that somebody has switched, and that is not switched for this."""
        host, override = self._hosts[number], self.told(number).override
        switched = {} if override == "auto" else {"set": override}
        journal.note(event, level, host=host.name, handshake=host.handshake, **facts, **switched)

    def _switch(self, numbers: Iterable[int]) -> None:
        """Have the packet program do as is decided."""
        holds = is_protected(self.entries)
        for number in numbers:
            if at_times(self._hosts[number]) and self._handshakes[number].protected != holds[number]:
                self._handshakes.set(number, protected=bool(holds[number]))


def parted(entries: npt.NDArray[np.void], counters: Map) -> Iterable[Part]:
    """As many parts as it takes to read not more than MOST_READ of counters at once."""
    many = max(1, MOST_READ // (counters.table.value_size * possible_cpus()))
    now = time.monotonic()
    for first in range(0, len(entries), many):
        some = entries[first : first + many]
        yield Part(first, Detector(some, now), np.full((len(some), len(COLUMNS)), UNKNOWN, np.int64), now)


def why_not(name: str, host: Host | None) -> str:
    """Why a host cannot be switched, and what to do."""
    if host is None:
        return f'this front has no host "{name}"'
    if host.handshake == "pass":
        return f'host "{name}" has handshake = "pass": it has no protection to switch'
    return f'host "{name}" is always protected; to switch it, write protect_when = "under-attack"'


def nothing_told(many: int) -> Thresholds:
    """Of so many hosts, none of which is judged."""
    return Thresholds(np.full(many, np.nan), np.full(many, np.nan), np.zeros(many, bool))


def rates_of(one: Attack, prefix: str = "") -> dict[str, object]:
    """For a log line: in a second."""
    return {f"{prefix}{kind}": f"{rate:.0f}/s" for kind, rate in one.peak.items()}


def tell_rest(event: str, numbers: list[int]) -> None:
    """How many more there are than are told."""
    if numbers[MOST_TOLD:]:
        journal.note(event, logging.WARNING, hosts=f"{len(numbers) - MOST_TOLD} more: see hardtack status")
