"""Where tables are shown: on a terminal they wrap, in a pipe they are as wide as they want. Nothing is cut."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

MANY = 500  # rows, from which on a table is plain text: a fitted one takes a ms a row
PIPE = 1 << 16  # columns: more than any table wants
GAP = 2  # columns between those of a table


class Screen(Console):
    """A console that leaves it to its user what follows when nobody reads any more; rich would exit with status 1."""

    def on_broken_pipe(self) -> None:
        """BrokenPipeError."""
        raise BrokenPipeError


def screen() -> Console:
    """Standard output for people."""
    return Screen(highlight=False, width=None if sys.stdout.isatty() else PIPE)


def table_of(*headings: str) -> Table:
    """An empty table, without lines."""
    return Table(*headings, box=None, pad_edge=False, header_style="bold")


def in_columns(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The lines of a table of many rows, one each; several lines in a cell become one."""
    joined = [headings, *([cell.replace("\n", ", ") for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*joined, strict=True)]
    for row in joined:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def folding(table: Table, console: Console) -> Table:
    """`table`, made to fit: its columns wrap at blanks, the last ones first; words are folded only if all are too wide."""
    sizes = []
    for column in table.columns:
        cells = [Measurement.get(console, console.options, cell) for cell in (column.header, *column.cells)]
        sizes.append((max(cell.minimum for cell in cells), max(cell.maximum for cell in cells)))
    room = console.width - sum(least for least, _ in sizes) - GAP * (len(sizes) - 1)
    for column, (least, most) in zip(table.columns, sizes, strict=True):
        column.overflow = "fold"
        if room >= 0:
            column.width = min(most, least + room)
            room -= column.width - least
    return table


def moment(when: float) -> str:
    """A time of which no part is left to be guessed: `2026-11-28 12:00:03 +0000`."""
    return time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(when))


def clock(when: float | None) -> str:
    """The hour here, with the day if it is another one."""
    if when is None:
        return "?"
    then, today = time.localtime(when), time.localtime()
    return time.strftime("%H:%M" if then[:3] == today[:3] else "%Y-%m-%d %H:%M", then)
