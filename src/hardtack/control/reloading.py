"""Reloads of a front at work: asked for by a signal, a command or a file that has changed; read by the helper, done here.

A transaction: the configuration is read, checked and planned; what a reload cannot do is found; only then anything is
written. There is one at a time. Whoever asks while one is under way waits for the next: the file may have changed since.
"""

from __future__ import annotations

import json
import logging
import select
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from functools import partial
from typing import Any

from hardtack import journal, notify
from hardtack.control import reloads
from hardtack.control.apply import AtWork
from hardtack.control.changes import Change, changes, restarts
from hardtack.control.helper.line import Message
from hardtack.control.helper.loading import Lists, request
from hardtack.control.helper.process import Helper
from hardtack.control.helper.reading import Reading
from hardtack.control.networks.memory import TableFull
from hardtack.control.plan import Plan, replanned
from hardtack.control.publish import publish, settle
from hardtack.control.reloads import RELOADS, Reloads
from hardtack.control.rule_loads import missing
from hardtack.control.rule_mistakes import bad_rule
from hardtack.control.rules import BadRule
from hardtack.control.switching_on import Asking, Brought
from hardtack.control.ways import ways_to
from hardtack.diagnosis.finding import Finding
from hardtack.diagnosis.telling import warn
from hardtack.image import ONLY
from hardtack.mistake import Mistake
from hardtack.packet.layout import NETWORKS

GONE = "the front's helper process has ended; restart the front, which loses no connection"
MEND = "fix it: until then the previous configuration stays in force"
RESTART = "restart the front: connections, counters and keys are kept"
FILE = "file"  # who asks when one has changed
MOST_TOLD = 20  # changes, or problems, in the journal, a line each


class Outcome(StrEnum):
    """What became of it."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"  # there is no difference
    DIFFERENT = "different"  # there is one, and it was only to be shown
    REFUSED = "refused"  # it takes a restart
    FAILED = "failed"  # what the file says is wrong, or it cannot be read


@dataclass(frozen=True)
class Result:
    """`problems`: of REFUSED and FAILED, a line each; `notes`: what stands in the way of hosts that are different."""

    outcome: Outcome
    changes: list[Change] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    seconds: float = 0.0

    def told(self) -> dict[str, Any]:
        """As plain data; a contract."""
        return {**asdict(self), "notes": [*map(str, self.notes)], "text": [*map(str, self.changes)]}


Answer = Callable[[Result], None]
After = Callable[[Message], Result | None]


@dataclass(frozen=True)
class Asked:
    """Somebody who waits. `only_show`: nothing is to be changed."""

    who: str
    answer: Answer
    only_show: bool = False


class Reloading:
    """Reloads `here`, when asked. To be listened to: `fileno`, `follow`."""

    def __init__(self, here: AtWork, helper: Helper) -> None:
        self._here, self._helper = here, helper
        self._next: list[Asked] = []  # who wait for a reading that is not under way yet
        self._now: list[Asked] = []  # who wait for the one under way
        self._after: After | None = None  # what is done with the helper's next answer, if it is no reading
        self._begun = 0.0
        self._gone = False
        self._news = select.epoll()  # as a descriptor of its own, so that it stays when the helper does not
        self._news.register(helper.fileno(), select.EPOLLIN)
        self._told = Reloads(time.time())
        self._tell(self._told)

    def ask(self, who: str, answer: Answer | None = None, only_show: bool = False) -> None:
        """Have it done as soon as it can be; `answer` is told what became of it."""
        self._next.append(Asked(who, answer or (lambda _: None), only_show))
        self._begin()

    def fileno(self) -> int:
        """Readable when the helper has said something."""
        return self._news.fileno()

    def follow(self) -> None:
        """Hear it."""
        message = self._helper.receive()
        if message is None:
            self._lose_helper()
        elif message.facts.get("event") == "changed":
            if self._here.plan.config.front.reload == "auto":
                self.ask(FILE)
        elif message.facts.get("event") == "seeded":
            Brought(**message.facts["brought"]).tell()
        else:
            self._finish(message)
        self._begin()

    def write(self) -> None:
        """Every second: nothing."""

    def close(self) -> None:
        """Listen no more."""
        self._news.close()

    def __enter__(self) -> Reloading:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _begin(self) -> None:
        """A reading, if somebody waits for one and none is under way."""
        if self._now or not self._next:
            return
        self._now, self._next = self._next, []
        self._begun = time.monotonic()
        if self._is_real():
            notify.reloading()
        try:
            if not self._gone:
                self._helper.ask("read", why="changed" if all(asked.who == FILE for asked in self._now) else "asked")
        except OSError:
            self._lose_helper()
        if self._gone:
            self._end(Result(Outcome.FAILED, problems=[GONE]))

    def _is_real(self) -> bool:
        """Whether somebody wants more than to be shown what would change."""
        return any(not asked.only_show for asked in self._now)

    def _finish(self, message: Message) -> None:
        """An answer of the helper's is there: do what is wanted with it."""
        after, self._after = self._after or self._read, None
        if result := after(message):
            self._end(result)

    def _read(self, message: Message) -> Result | None:
        """A reading, or what is wrong."""
        found = self._helper.reading(message)
        if isinstance(found, str):
            return Result(Outcome.FAILED, problems=found.splitlines())
        return self._done(found)

    def _done(self, reading: Reading) -> Result | None:
        """The transaction; nothing yet if the helper must load programs first."""
        now = self._here.plan
        try:
            then = replanned(reading.config, reading.masters, now, reading.lists)
            wanted = missing(now, then)
        except BadRule as bad:
            return self._name(bad)
        except Mistake as mistake:
            return Result(Outcome.FAILED, problems=str(mistake).splitlines())
        found = changes(now, then)
        if problems := restarts(now, then):
            return Result(Outcome.REFUSED, found, problems)
        if not found:
            return Result(Outcome.UNCHANGED)
        if all(asked.only_show for asked in self._now):
            return Result(Outcome.DIFFERENT, found, notes=in_the_way(now, then))
        if wanted:
            return self._load(wanted, then, found)
        return self._published(then, found)

    def _load(self, wanted: Mapping[str, Lists], then: Plan, found: list[Change]) -> Result | None:
        """Have the helper load what there is not yet; nothing leads there before it is there."""
        settle(self._here)
        front = self._here.front
        sizes, interface = {NETWORKS.name: front.tables[NETWORKS.name].table.value_size}, front.folder.interface
        return self._ask("load", request(wanted, sizes), partial(self._loaded, then, found), interface=interface)

    def _loaded(self, then: Plan, found: list[Change], message: Message) -> Result | None:
        """Programs are loaded, or not."""
        problem, place = message.facts.get("problem"), message.facts.get("place")
        if place is not None:
            return self._name(bad_rule(then.seats.rules, place, message.facts["position"], str(problem)), found)
        return Result(Outcome.FAILED, found, [str(problem)]) if problem else self._published(then, found)

    def _name(self, bad: BadRule, found: Sequence[Change] = ()) -> Result | None:
        """Have the helper say on which line the rule is."""

        def named(message: Message) -> Result:
            return Result(Outcome.FAILED, [*found], [str(message.facts["problem"])])

        return self._ask("name", json.dumps([bad.owner, bad.text, bad.why]).encode(), named)

    def _ask(self, verb: str, content: bytes, after: After, **facts: str) -> Result | None:
        """Of the helper; `after` is for its answer. A result if there will be none."""
        try:
            self._helper.ask(verb, content, **facts)
        except OSError:
            self._lose_helper()
            return Result(Outcome.FAILED, problems=[GONE])
        self._after = after
        return None

    def _published(self, then: Plan, found: list[Change]) -> Result:
        now, doors = self._here.plan, {*self._here.graces.values(), 0}
        try:
            publish(self._here, then)
        except TableFull as full:  # nothing has been changed then
            return Result(Outcome.REFUSED, found, [str(full)])
        if {*self._here.graces.values()} - doors:
            self._seed(Asking.of(then.config))
        return Result(Outcome.CHANGED, found, notes=in_the_way(now, then))

    def _seed(self, asking: Asking) -> None:
        """A grace period begins: the helper may ask the kernel who is there. Nobody waits for it."""
        with suppress(OSError):
            self._helper.ask("seed", json.dumps(asdict(asking)).encode(), interface=self._here.front.folder.interface)

    def _end(self, result: Result) -> None:
        """Tell everybody who waits, the journal and the table."""
        waiting, self._now = self._now, []
        seconds = round(time.monotonic() - self._begun, 4)
        result = replace(result, seconds=seconds)
        changed = result.outcome == Outcome.CHANGED
        if any(not asked.only_show for asked in waiting):
            notify.ready(said(result))
        if real := [asked.who for asked in waiting if not asked.only_show]:
            self._note(result, ",".join(dict.fromkeys(real)))
        for asked in waiting:
            asked.answer(replace(result, outcome=Outcome.DIFFERENT) if asked.only_show and changed else result)

    def _note(self, result: Result, who: str) -> None:
        if result.problems:
            remedy = RESTART if result.outcome == Outcome.REFUSED else MEND
            for problem in result.problems[:MOST_TOLD]:
                journal.note("not-reloaded", logging.ERROR, by=who, why=problem, remedy=remedy)
            if more := len(result.problems[MOST_TOLD:]):
                journal.note("not-reloaded", logging.ERROR, by=who, why=f"and {more:,} more: see hardtack reload --diff")
            self._tell(self._told.failure("\n".join(result.problems)))
            return
        if result.changes or who != FILE or self._told.failed:  # a file that means the same is no news
            journal.note("reloaded", by=who, changes=len(result.changes), seconds=result.seconds)
        for change in result.changes[:MOST_TOLD]:
            journal.note("changed", what=change)
        for finding in result.notes:
            warn(finding)  # as at a start
        self._tell(self._told.success())

    def _tell(self, told: Reloads) -> None:
        self._told = told
        self._here.front.tables[RELOADS.name].update(ONLY, reloads.entry_of(told))

    def _lose_helper(self) -> None:
        if self._gone:
            return
        self._gone, self._after = True, None
        self._news.unregister(self._helper.fileno())
        self._helper.ended()
        why = "hosts stay protected; to reload, restart the front"
        journal.note("helper-gone", logging.ERROR, pid=self._helper.pid, why=why)
        self._tell(self._told.failure(GONE))
        if self._now:
            self._end(Result(Outcome.FAILED, problems=[GONE]))


def said(result: Result) -> str:
    """What became of a reload, as `systemctl status` shows it."""
    if result.problems:
        return f"NOT reloaded, nothing changed: {result.problems[0]}"
    return f"reloaded: {len(result.changes)} changes" if result.changes else "reloaded: no changes"


def in_the_way(now: Plan, then: Plan) -> list[Finding]:
    """What is between this machine and the hosts that come, or are to be another way."""
    before = {host.name: host for host in now.config.hosts}
    others = [host for host in then.config.hosts if before.get(host.name) is not host]  # to compare them takes long
    return [*ways_to([host for host in others if before.get(host.name) != host])]
