"""What a replay has counted, told by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from hardtack.captures.damage import Damaged
from hardtack.control.explaining.filled import Filled
from hardtack.control.readout import Frames, RuleFrames, tally
from hardtack.control.replaying.explained import Watched
from hardtack.packet.layout import Counters
from hardtack.packet.rule_tables import Tally

TOLD = 4  # the first words of a rule's tally


@dataclass(frozen=True)
class Captured:
    """A capture: its name, and how many frames it has had; `snapped`: cut short by whoever captured them. `links`: frames
    that were skipped, by link type.
    """

    path: str
    frames: int
    snapped: int
    links: dict[int, int]


class Clock(NamedTuple):
    """Times of frames in unix ns, 0 without frames. `late`: frames older than one before them, by `latest` ns at most."""

    first: int
    last: int
    late: int
    latest: int


@dataclass(frozen=True)
class Result:
    """All of a replay.

    `sent`: frames in the output. `damage`: why the end of a capture was not reached. `elapsed`: s that it took.
    """

    captures: list[Captured]
    clock: Clock
    sent: int
    hosts: dict[str, Frames]
    no_host: Frames
    rules: list[RuleFrames]
    explained: Watched | None
    elapsed: float
    damage: Damaged | None = None
    interrupted: bool = False

    @property
    def frames(self) -> int:
        """Judged ones."""
        return sum(sum(one.verdicts.values()) for one in (*self.hosts.values(), self.no_host))


def hosts(filled: Filled) -> tuple[dict[str, Frames], Frames]:
    """Frames of each host, by name, and of none."""
    rows = np.frombuffer(filled.tables["counters"].bytes, Counters)["tallies"]
    numbers = filled.plan.seats.numbers
    return {name: tally(rows[number].tolist()) for name, number in numbers.items()}, tally(rows[0].tolist())


def rules(filled: Filled) -> Iterator[RuleFrames]:
    """Each rule: those of all hosts first, as they have numbers."""
    counters = np.frombuffer(filled.tables["rule_counters"].bytes, Tally)
    for (owner, text), number in sorted(filled.plan.seats.rules.numbers.items(), key=lambda item: (item[0][0], item[1])):
        yield RuleFrames(owner, text, *(int(counters[number][name]) for name in (Tally.names or ())[:TOLD]))
