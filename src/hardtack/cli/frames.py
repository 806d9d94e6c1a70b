"""Counters as a table for people: a row for each verdict, and for each reason that is not 0."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hardtack.cli.screen import GAP, folding, table_of
from hardtack.control.readout import Frames
from hardtack.packet.reasons import Reason, Verdict, verdict

COLOURS = {"PASS": "dim", "DROP": "red", "REPLY": "cyan", "FORWARD": "green"}
HEADINGS = ("host", "verdict", "reason", "frames", "a second")
LEAST = 20  # columns; what a reason means is left out where there is less room


@dataclass(frozen=True)
class Row:
    """One line. `cells` as HEADINGS; the last is empty where there are no rates."""

    cells: tuple[str, str, str, str, str]
    meaning: str = ""
    colour: str = ""


def rows(name: str, frames: Frames, before: Frames | None, seconds: float) -> Iterator[Row]:
    """Those of one host; `before` is how it was `seconds` ago."""
    first = name
    for kind in Verdict:
        if total := frames.verdicts[kind.name]:
            rate = per_second(total, before.verdicts[kind.name] if before else None, seconds)
            yield Row((first, kind.name, "", f"{total:,}", rate), colour=COLOURS[kind.name])
            first = ""
        for reason in Reason:
            if verdict(reason) == kind and (count := frames.reasons.get(reason.name)):
                rate = per_second(count, before.reasons.get(reason.name, 0) if before else None, seconds)
                yield Row(("", "", reason.name, f"{count:,}", rate), reason.text)
    if first:
        yield Row((first, "", "", "0", ""))


def per_second(count: int, before: int | None, seconds: float) -> str:
    """The cell of a rate; empty without one, also if the counters have begun anew."""
    return f"{(count - before) / seconds:,.0f}" if seconds and before is not None and count >= before else ""


def frames_table(lines: Sequence[Row], console: Console) -> Table:
    """The rows as a table, as wide as the console."""
    table = table_of()
    columns = [*zip(HEADINGS, *(line.cells for line in lines), strict=True)]
    shown = [column for column in columns if column[0] != HEADINGS[-1] or any(column[1:])]
    for column in shown:
        table.add_column(column[0], justify="right" if column[0] in HEADINGS[3:] else "left")
    room = console.width - sum(max(map(len, column)) + GAP for column in shown)
    if room >= LEAST:
        table.add_column("meaning", style="dim", max_width=room)
    for line in lines:
        cells = [Text(cell, style=line.colour) for cell in line.cells[: len(shown)]]
        table.add_row(*cells, *([line.meaning] if room >= LEAST else []))
    return folding(table, console)
