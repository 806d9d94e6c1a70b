"""The table of results: a row for each thing that was tried, a column for each kernel."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from hardtack.lab.machines.expected import expected
from hardtack.lab.machines.outcomes import Outcome
from hardtack.lab.machines.record import Seen

COLOURS = {Outcome.good: "green", Outcome.answered: "cyan", Outcome.refused: "yellow", Outcome.bad: "red"}


def table(every: Sequence[Seen]) -> Table:
    """What is otherwise than expected is marked by an exclamation mark."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    made.add_column("", no_wrap=True)
    for seen in every:
        made.add_column(f"{seen.kernel.name}\n{seen.release}")
    for name in dict.fromkeys(result.name for seen in every for result in seen.results):
        made.add_row(name, *(cell(seen, name) for seen in every))
    return made


def cell(seen: Seen, name: str) -> Text:
    """An outcome; nothing where it was not tried."""
    outcome = seen.outcome(name)
    if outcome is None:
        return Text("")
    surprising = outcome != expected(seen.kernel, name)[0]
    return Text(f"{outcome}{' !' if surprising else ''}", f"bold {COLOURS[outcome]}" if surprising else COLOURS[outcome])
