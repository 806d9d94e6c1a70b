"""Tables of the live view: columns, rows, and how they are sorted and filtered. Pure.

Cells are kept as values: only the rows that there is room for are written out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.cells import cell_len, set_cell_size

from hardtack.printable import printable

GAP = 1  # columns between two of a table
Cells = tuple[Any, ...]


@dataclass(frozen=True)
class Column:
    """`show`: a value as text. `right`: of numbers. `grows`: takes what is left over. `spare`: left out where there is no
    room. `drawn`: a picture, by which nothing is sorted.
    """

    name: str
    width: int
    show: Callable[[Any], str] = str
    right: bool = False
    grows: bool = False
    spare: bool = False
    drawn: bool = False


@dataclass(frozen=True)
class Table:
    """`styles`: of each row, as its cells. `sort`: the column that it is sorted by until somebody chooses another."""

    title: str
    columns: tuple[Column, ...]
    rows: list[Cells]
    sort: int = 0
    styles: list[str] = field(default_factory=list)
    empty: str = "nothing yet"


def arranged(table: Table, sort: int, reverse: bool, wanted: str) -> list[tuple[Cells, str]]:
    """Rows that have `wanted` in a cell of text, in order: largest first, names from A to Z; `reverse`: the other way."""
    rows = list(zip(table.rows, table.styles or [""] * len(table.rows), strict=True))
    if wanted:
        small = wanted.casefold()
        rows = [row for row in rows if any(isinstance(cell, str) and small in cell.casefold() for cell in row[0])]
    numeric = table.columns[sort].right
    rows.sort(key=lambda row: row[0][sort], reverse=numeric != reverse)
    return rows


def widths(columns: Sequence[Column], room: int) -> list[int]:
    """How wide each is, 0: left out. Those that may be are left out from the right; one that grows has what is left over."""
    found = [column.width for column in columns]

    def over() -> int:
        return sum(found) + GAP * (sum(map(bool, found)) - 1) - room

    for place in reversed(range(len(found))):
        if over() > 0 and columns[place].spare:
            found[place] = 0
    growing = [place for place, column in enumerate(columns) if column.grows and found[place]]
    if growing and over() < 0:
        found[growing[-1]] -= over()
    return found


def line(cells: Sequence[str], columns: Sequence[Column], sizes: Sequence[int]) -> str:
    """A row as text."""
    parts = [fitted(cell, size, column.right) for cell, column, size in zip(cells, columns, sizes, strict=True) if size]
    return (" " * GAP).join(parts)


def fitted(text: str, size: int, right: bool = False) -> str:
    """`text`, safe for a terminal, in exactly `size` of its columns; what is cut off ends with a mark."""
    text = printable(text)
    length = cell_len(text)
    if length > size:
        return set_cell_size(text, max(0, size - 1)) + "~"
    return " " * (size - length) + text if right else text + " " * (size - length)
