"""A whole screen of the live view, line by line. Pure: what is known and what is chosen in, lines and their styles out."""

from __future__ import annotations

from collections.abc import Sequence

from hardtack.cli.live.header import Line, header
from hardtack.cli.live.keys import HELP, Chosen, sort_of
from hardtack.cli.live.tables import Column, Table, arranged, fitted, line, widths
from hardtack.cli.live.views import VIEWS, Known, shown, table_of

FOOTER = "q quit  h help  Tab view  s sort  r reverse  / filter  p pause"
LEAST_ROWS = 3  # of the table, whatever the header wants


def page(known: Known | None, chosen: Chosen, size: tuple[int, int], interval: float) -> list[Line]:
    """As many lines as the screen has, each as wide as it."""
    width, height = size
    if known is None:
        lines = [("hardtack top: reading …", "bold")]
    elif chosen.help:
        lines = [("hardtack top: keys", "bold"), ("", ""), *((text, "") for text in HELP)]
    else:
        above = [*header(known, width, interval)][: max(1, height - LEAST_ROWS - 3)]
        below = rows(table_of(chosen.view, known), chosen, width, height - len(above) - 2)
        lines = [*above, (tabs(chosen, width), "reverse"), *below]
    blank = [("", "")] * max(0, height - 1 - len(lines))
    return [(fitted(text, width), style) for text, style in [*lines[: height - 1], *blank, (footer(chosen), "reverse")]]


def tabs(chosen: Chosen, width: int) -> str:
    """The views, that which is shown marked."""
    names = (f"[{name}]" if name == chosen.view else f" {name} " for name in VIEWS)
    return " ".join(f"{number}{name}" for number, name in enumerate(names, 1)).ljust(width)


def footer(chosen: Chosen) -> str:
    """What the keys are, or what is being typed."""
    if chosen.typing:
        return f"filter: {chosen.wanted}_   Enter: apply  Esc: clear"
    state = "PAUSED  " * chosen.paused + (f"filter: {chosen.wanted}  " if chosen.wanted else "")
    return state + FOOTER


def rows(table: Table, chosen: Chosen, width: int, room: int) -> list[Line]:
    """The table's headings, and those of its rows that there is room for."""
    sort, sizes = sort_of(chosen, table), widths(table.columns, width)
    found = arranged(table, sort, chosen.reverse, chosen.wanted)
    first = min(chosen.first, max(0, len(found) - (room - 1)))
    lines = [(line(headings(table.columns, sort, chosen.reverse), table.columns, sizes), "bold underline")]
    for cells, style in found[first : first + max(0, room - 1)]:
        lines.append((line(shown(table, cells), table.columns, sizes), style))
    if not found:
        lines.append((f"no row matches {chosen.wanted}" if table.rows else table.empty, "dim"))
    return lines


def headings(columns: Sequence[Column], sort: int, reverse: bool) -> list[str]:
    """Their names; that of the column that is sorted by with an arrow."""
    arrow = "^" if columns[sort].right == reverse else "v"
    return [f"{one.name}{arrow}" if place == sort else one.name for place, one in enumerate(columns)]
