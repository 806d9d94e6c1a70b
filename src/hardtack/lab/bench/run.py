"""`hardtack bench`: all of it, in order."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hardtack.lab.bench import contestants, ground, kinds, linux
from hardtack.lab.bench.contestants import Front
from hardtack.lab.bench.figures import Figure, Step, figures, steps
from hardtack.lab.bench.goals import Goal, goals
from hardtack.lab.bench.ground import Ground
from hardtack.lab.bench.machine import machine, stolen
from hardtack.lab.bench.report import show_figures, show_goals, show_steps
from hardtack.lab.bench.rounds import Entry, entries, play
from hardtack.lab.bench.steps import LAST, cut_off

NAMED = [(kind.name, kind.title) for kind in kinds.ALL]


@dataclass(frozen=True)
class Size:
    """How much is measured: rounds, and frames sent in a slice."""

    rounds: int
    frames: int


FULL, QUICK = Size(15, 200_000), Size(3, 30_000)


@dataclass(frozen=True)
class Results:
    """All that one run found out."""

    size: Size
    absent: list[str]
    figures: list[Figure]
    steps: list[Step]
    goals: list[Goal]
    machine: dict[str, object]


@dataclass(frozen=True)
class Field:
    """Who is measured: against each other, and step by step."""

    front: Front
    rivals: list[Entry]
    cuts: list[Entry]
    absent: list[str]


def run(out: Path, size: Size, as_json: bool) -> int:
    """Measure, print, write; the exit status. Mistake for what the user can put right."""
    people = Console(stderr=True)
    results = measure(size, people)
    out.mkdir(parents=True, exist_ok=True)
    path = out / "bench.json"
    text = json.dumps(asdict(results), indent=1)
    path.write_text(text + "\n", encoding="ascii")
    if as_json:
        print(text)
    else:
        show(results, Console())
        print(f"numbers: {path}")
    return 0


def show(results: Results, console: Console) -> None:
    """Tables, goals, and what could not be measured."""
    show_figures(console, results.figures, NAMED)
    show_steps(console, results.steps, NAMED)
    show_goals(console, results.goals)
    for line in results.absent:
        console.print(f"not measured: {line}", highlight=False)


def measure(size: Size, console: Console) -> Results:
    """Everything, with progress on `console`."""
    load, before = os.getloadavg(), stolen()
    with ExitStack() as parts:
        place = parts.enter_context(ground.open_ground())
        with console.status("compiling what is not in the cache yet: a minute the first time"):
            field = parts.enter_context(_field(place))
        with _progress(console, (len(field.rivals) + len(field.cuts)) * size.rounds) as told:

            def next_one(text: str) -> None:
                field.front.keep_up()
                told(text)

            samples = play(place, field.rivals, size.rounds, size.frames, timed=False, told=next_one)
            timed = play(place, field.cuts, size.rounds, size.frames // 2, timed=True, told=next_one)
    about: dict[str, object] = {**machine(), "load_before": load, "load_after": os.getloadavg(), "stolen": _share(before)}
    return Results(size, field.absent, figures(samples), steps(timed), goals(samples), about)


@contextmanager
def _field(place: Ground) -> Iterator[Field]:
    with ExitStack() as parts:
        near, outside = place.net.near, place.net.outside
        yardsticks = parts.enter_context(contestants.yardsticks(near))
        front = parts.enter_context(contestants.open_front())
        own, absent = parts.enter_context(linux.contestants(outside))
        cuts = parts.enter_context(cut_off(front, near))
        hardtack = front.contestant()
        whole = replace(hardtack, title=LAST)
        yield Field(front, entries([*yardsticks, hardtack, *own]), entries([*yardsticks, *cuts, whole]), absent)


@contextmanager
def _progress(console: Console, total: int) -> Iterator[Callable[[str], None]]:
    """A bar that moves between slices, never during one."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, auto_refresh=False, transient=True) as progress:
        task = progress.add_task("", total=total)

        def told(text: str) -> None:
            progress.update(task, advance=1, description=text, refresh=True)

        yield told


def _share(before: tuple[int, int]) -> float:
    now: tuple[Any, ...] = stolen()
    return float((now[0] - before[0]) / max(now[1] - before[1], 1))
