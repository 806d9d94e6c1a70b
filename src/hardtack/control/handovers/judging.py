"""Whether a host's hand-overs fail, judged by what is counted and known of it: no clock is read here, nothing written.

Two courses. Where cookies are handed over, single connections tell: the host has answered, refused, or not heeded a client
who has said more. Where SYNs go on, only a host that says nothing at all is in trouble: a spoofed SYN for a closed port is
refused by any host, and one for a port behind a firewall is not answered.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Literal

ENOUGH = 3  # connections that fail, and none that does not: of fewer, each may have had its own reason
QUIET = 3_000  # ms for which none may have succeeded: a host that answers anybody meanwhile takes hand-overs
LOOKS = 4  # a connection must be so many looks old, a second or so each, before it counts as not answered
MOST_NEEDED = 8  # successes that end a failure: one, and twice as many each time that it comes back soon
BLIND = 32  # connections of which nothing is seen, where it is not known that anything can be
SOON = 600_000  # ms
LATELY = 120_000  # ms; who was handed over before tells nothing of now

Kind = Literal["reset", "silence", "some-reset"]


@dataclass(frozen=True)
class Counts:
    """Connections of a host so far. `begun`: by a good cookie, or a SYN, that went on to it.

    `first`: it has answered; `refused`: by an RST. Whatever else it says does not show that anything reaches it.
    """

    begun: int = 0
    first: int = 0
    refused: int = 0

    @property
    def said(self) -> int:
        """Those that it has said anything on."""
        return self.first + self.refused


@dataclass(frozen=True)
class Handed:
    """What became of connections that were handed over to a host lately.

    `answered`: after the first that was refused; `refused`: before the last that was answered. `failed`: after it, that were
    refused, or whose client has said more and the host nothing; `failed_by_reset`: of these, refused. `latest`: answered,
    after the last that failed. `quiet`: ms since the last answered one began.
    """

    answered: int = 0
    refused: int = 0
    failed: int = 0
    failed_by_reset: int = 0
    latest: int = 0
    quiet: int = LATELY


class Course:
    """One host's. `heard`: all that it sends is seen here; else it must have been seen to answer. Times in monotonic ms."""

    def __init__(self, heard: bool, counts: Counts, ms: int) -> None:
        self.kind: Kind | None = None
        self.since = ms  # of `kind`, or of none; what was handed over before does not count any more
        self._heard = heard
        self._start = self._alive = self._succeeded = counts
        self._succeeded_at = ms
        self._asked = counts.begun  # at the last look at connections
        self._looks: deque[Counts] = deque([counts], LOOKS)
        self._needed, self._ended = 1, -SOON  # successes that end a failure; when the last one ended

    def look(self, counts: Counts, ms: int) -> None:
        """What is counted now; once a second."""
        if counts.said != self._alive.said:
            self._alive = counts
        if counts.first != self._succeeded.first:
            self._succeeded, self._succeeded_at = counts, ms
        self._looks.append(counts)

    @property
    def now(self) -> Counts:
        """The last look."""
        return self._looks[-1]

    @property
    def is_seen(self) -> bool:
        """Whether what the host says can be seen here at all."""
        said = self._alive.said - self._start.said
        return self._heard or (said > 0 and 2 * said >= self._alive.begun - self._start.begun)

    def is_suspect(self, ms: int) -> bool:
        """Whether it is worth looking at single connections: none has been answered for a while, or most are refused."""
        now, before = self.now, self._looks[0]
        if self.kind:
            return now.begun != self._asked
        refused = now.refused - before.refused
        none = ms - self._succeeded_at >= QUIET and now.begun - self._succeeded.begun >= ENOUGH
        return self.is_seen and (none or (refused > 0 and refused >= now.first - before.first))

    def judge_handed(self, handed: Handed, ms: int) -> bool:
        """Whether something else is so than before, by what became of connections that were handed over."""
        self._asked = self.now.begun
        if self.kind == "some-reset":
            over = handed.refused * 4 < handed.answered
            total = handed.failed >= ENOUGH and handed.quiet >= QUIET
            return self._turn("reset" if total else None, ms) if over or total else False
        if self.kind:
            return handed.latest >= self._needed and self._turn(None, ms)
        if handed.failed >= ENOUGH and handed.quiet >= QUIET:
            return self._turn("reset" if 2 * handed.failed_by_reset >= handed.failed else "silence", ms)
        return handed.refused >= max(ENOUGH, handed.answered) and self._turn("some-reset", ms)

    def judge_silence(self, ms: int) -> bool:
        """The same, by whether the host says anything to anybody."""
        if self.kind:
            return self._alive is self.now and self._turn(None, ms)
        return self.is_seen and self._looks[0].begun - self._alive.begun >= ENOUGH and self._turn("silence", ms)

    def give_up(self, ms: int) -> bool:
        """Whether nothing can be said any more: many have been handed over, and nothing of this host is ever seen here."""
        blind = not self._heard and self.now.said == self._start.said and self.now.begun - self._start.begun >= BLIND
        return self.kind is not None and blind and self._turn(None, ms)

    def begin(self, kind: Kind, ms: int) -> None:
        """It has been found out otherwise that hand-overs fail."""
        self._turn(kind, ms)

    def age(self, ms: int) -> int:
        """How far back connections count: ms."""
        return ms - self.since if self.kind in ("reset", "silence") else min(ms - self.since, LATELY)

    def _turn(self, kind: Kind | None, ms: int) -> bool:
        if not kind:
            self._ended = ms
        elif not self.kind:
            self._needed = min(2 * self._needed, MOST_NEEDED) if ms - self._ended < SOON else 1
        self.kind, self.since = kind, ms
        return True
