"""All that one run found out, and how it is kept: JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from hardtack.lab.bench.alone import Alone
from hardtack.lab.bench.figures import Figure, Step
from hardtack.lab.bench.forged import Forged
from hardtack.lab.bench.goals import Goal
from hardtack.lab.bench.handshakes import Handshakes
from hardtack.lab.bench.in_memory import Memories
from hardtack.lab.bench.reload import Reload
from hardtack.lab.bench.rules import Rules
from hardtack.lab.bench.scale import Scale
from hardtack.lab.bench.sizes import Memory, Size
from hardtack.lab.bench.start import Start
from hardtack.lab.bench.watched import Watched


@dataclass(frozen=True)
class Effort:
    """How much is measured: rounds; frames sent in a slice; runs of each program alone; starts, cold and warm; reloads
    of a kind, and hosts beside the one that comes; rounds of being watched, and seconds of each slice."""

    rounds: int
    frames: int
    attempts: int
    colds: int
    warms: int
    reloads: int
    hosts: int
    looks: int
    look_seconds: float
    compile: bool  # whether compiling is timed, and what takes long to compile is measured


FULL = Effort(20, 150_000, 20, 1, 5, 9, 10_000, 8, 3.0, True)
QUICK = Effort(2, 30_000, 2, 1, 1, 2, 200, 1, 0.5, False)


@dataclass(frozen=True)
class Results:
    """One run. `absent`: a line for each contestant that could not take part."""

    machine: dict[str, object]
    effort: Effort
    figures: Sequence[Figure]
    forged: Sequence[Forged]
    steps: Sequence[Step]
    alone: Sequence[Alone]
    sizes: Sequence[Size]
    memory: Memory
    start: Start
    reload: Reload
    rules: Sequence[Rules]
    handshakes: Sequence[Handshakes]
    scale: Sequence[Scale]
    watched: Watched
    in_memory: Memories
    goals: Sequence[Goal]
    absent: Sequence[str]

    def dumps(self) -> str:
        """As JSON text, times in ns where nothing else is said."""
        fields = asdict(self)
        fields["goals"] = [{**asdict(goal), "met": goal.met} for goal in self.goals]
        return json.dumps(fields, indent=1)
