"""`hardtack bench`: all of it, in order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hardtack.lab.bench import contestants, linux
from hardtack.lab.bench.alone import Workshop, by_step, open_workshop, siphash, told
from hardtack.lab.bench.chart import draw
from hardtack.lab.bench.figures import figures, steps
from hardtack.lab.bench.forged import forged
from hardtack.lab.bench.front import Fronts, open_fronts
from hardtack.lab.bench.goals import goals, handshake_goals, memory_goals, rule_goals, scale_goals, watch_goals
from hardtack.lab.bench.ground import Ground, open_ground
from hardtack.lab.bench.handshakes import handshakes
from hardtack.lab.bench.in_memory import PARTS, in_memory
from hardtack.lab.bench.kinds import STEPPED, VERSIONS
from hardtack.lab.bench.machine import machine, stolen
from hardtack.lab.bench.reload import KINDS, reload
from hardtack.lab.bench.report import show
from hardtack.lab.bench.results import Effort, Results
from hardtack.lab.bench.rounds import Entry, entries, play
from hardtack.lab.bench.rules import rules
from hardtack.lab.bench.scale import scale
from hardtack.lab.bench.sizes import memory, sizes
from hardtack.lab.bench.start import start
from hardtack.lab.bench.steps import LAST, cut_off
from hardtack.lab.bench.watched import ORDER, watched

LINES = 20  # of progress, where no bar can be drawn
WIDTH = 130  # of tables where nobody says how wide the terminal is
Telling = Callable[[str], None]


@dataclass(frozen=True)
class Field:
    """Who is measured: against each other, step by step, and alone."""

    fronts: Fronts
    rivals: list[Entry]
    cuts: list[Entry]
    workshop: Workshop
    absent: list[str]


def run(out: Path, effort: Effort, as_json: bool) -> int:
    """Measure, print, write; the exit status. Mistake for what the user can put right."""
    out.mkdir(parents=True, exist_ok=True)
    results = measure(effort, Console(stderr=True))
    files = [out / "bench.json", out / "bench.png", out / "bench.svg"]
    files[0].write_text(results.dumps() + "\n", encoding="ascii")
    draw(results, files[1:])
    if as_json:
        print(results.dumps())
        return 0
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    show(results, console)
    print("written:", *files)
    return 0


def measure(effort: Effort, console: Console) -> Results:
    """Everything, with progress on `console`."""
    about = {**machine(), "load_before": os.getloadavg()}
    before = stolen()
    with ExitStack() as parts:
        place = parts.enter_context(open_ground())
        with console.status("compiling what is not in the cache: a minute or two the first time"):
            field = parts.enter_context(_field(place))
        slices = (len(field.rivals) + len(field.cuts)) * effort.rounds
        others = effort.attempts * (1 + 3 * len(VERSIONS)) + effort.colds + effort.warms + KINDS * effort.reloads
        others += len(ORDER) * effort.looks + PARTS * effort.attempts
        telling = parts.enter_context(_progress(console, slices + others))

        def next_one(text: str) -> None:
            field.fronts.keep_up()
            telling(text)

        samples = play(place, field.rivals, effort.rounds, effort.frames, timed=False, told=next_one)
        timed = play(place, field.cuts, effort.rounds, effort.frames // 2, timed=True, told=next_one)
        field.workshop.work(effort.attempts, next_one)
        begun = start(effort.colds, effort.warms, next_one)
        ruled = [
            rules(field.fronts.of(version), version, field.fronts.mac, effort.attempts, next_one) for version in VERSIONS
        ]
        shaken = [
            handshakes(field.fronts.of(version), version, field.fronts.mac, effort.attempts, next_one)
            for version in VERSIONS
        ]
        scaled = scale(effort.attempts, next_one)
        changed = reload(effort.reloads, effort.hosts, next_one)
        seen = watched(effort.looks, effort.look_seconds, next_one)
        remembered = in_memory(effort.attempts, effort.compile, next_one)
        sized, table = sizes(effort.compile), memory(field.fronts.of(4))
    acks = forged(samples, siphash(field.workshop))
    after = stolen()
    about["load_after"] = os.getloadavg()
    about["stolen"] = (after[0] - before[0]) / max(after[1] - before[1], 1)
    return Results(
        machine=about,
        effort=effort,
        figures=figures(samples),
        forged=acks,
        steps=steps(timed, by_step(field.workshop)),
        alone=told(field.workshop),
        sizes=sized,
        memory=table,
        start=begun,
        reload=changed,
        rules=ruled,
        handshakes=shaken,
        scale=scaled,
        watched=seen,
        in_memory=remembered,
        goals=[
            *goals(samples, acks, table, sized, begun, changed),
            *rule_goals(ruled),
            *handshake_goals(shaken),
            *scale_goals(scaled),
            *watch_goals(seen),
            *memory_goals(remembered),
        ],
        absent=field.absent,
    )


@contextmanager
def _field(place: Ground) -> Iterator[Field]:
    with ExitStack() as parts:
        fronts = parts.enter_context(open_fronts(place))
        yardsticks = parts.enter_context(contestants.yardsticks(place, fronts))
        ours = [*contestants.hardtack(fronts)]
        own, absent = parts.enter_context(linux.contestants(place.net.front))
        cuts = parts.enter_context(cut_off(place, fronts))
        workshop = parts.enter_context(open_workshop(fronts))
        bounds = [replace(one, kinds=STEPPED) for one in yardsticks if one.name != "straight"]
        whole = [replace(one, title=LAST[one.kinds[0].sends]) for one in ours if one.name == contestants.NAME]
        stepwise = entries([*bounds, *cuts, *(one for one in whole if one.kinds[0] in STEPPED)])
        yield Field(fronts, entries([*yardsticks, *ours, *own]), stepwise, workshop, absent)


@contextmanager
def _progress(console: Console, total: int) -> Iterator[Telling]:
    """A bar that moves between measurements, never during one; into a file, a line now and then."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, auto_refresh=False, transient=True) as progress:
        task = progress.add_task("", total=total)
        done = count(1)

        def telling(text: str) -> None:
            number = next(done)
            if console.is_terminal:
                progress.update(task, completed=number, description=text, refresh=True)
            elif number % (total // LINES or 1) == 1:
                console.print(f"{number} of {total}: {text}", highlight=False)

        yield telling
