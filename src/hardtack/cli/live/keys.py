"""What the keys of the live view do to what is chosen. Pure: a key and what was chosen before in, what is chosen now out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hardtack.cli.live.tables import Table
from hardtack.cli.live.views import VIEWS, View

HELP = (
    "1 to 6, Tab   choose a view: " + ", ".join(VIEWS),
    "Up, Down, PgUp, PgDn, Home, End   scroll",
    "s   sort by the next column          r   reverse the order",
    "/   filter: type part of a name, then Enter; Esc clears it",
    "p   pause, resume                    q, Ctrl-C   quit",
    "",
    "Rates are for the last interval. Totals count since the programs were attached.",
    "A sparkline shows up to 120 intervals, scaled to its own maximum.",
    "Colours: passed dim, dropped red, replied cyan, forwarded green.",
    "",
    "Any key: back",
)
PAGE = 10  # rows that PgUp and PgDn scroll
END = 1 << 30  # more than any row


@dataclass(frozen=True)
class Chosen:
    """By the one who looks. `sorts`: column by view, where it is not the table's own; `typing`: the filter is typed now."""

    view: View = VIEWS[0]
    sorts: dict[View, int] = field(default_factory=dict)
    reverse: bool = False
    wanted: str = ""
    typing: bool = False
    paused: bool = False
    help: bool = False
    first: int = 0  # row at the top
    ended: bool = False


def pressed(key: str, character: str | None, chosen: Chosen, table: Table | None) -> Chosen:
    """What is chosen after a key; `table`: what is shown, None while nothing is."""
    if key == "ctrl+c":
        return replace(chosen, ended=True)
    if chosen.help:
        return replace(chosen, help=False)
    if chosen.typing:
        return typed(key, character, chosen)
    if key in "123456" and len(key) == 1:
        return replace(chosen, view=VIEWS[int(key) - 1], first=0, reverse=False)
    if key in ("tab", "shift+tab", "right", "left"):
        step = 1 if key in ("tab", "right") else -1
        return replace(chosen, view=VIEWS[(VIEWS.index(chosen.view) + step) % len(VIEWS)], first=0, reverse=False)
    if key in SCROLLS:
        return replace(chosen, first=max(0, SCROLLS[key] + (chosen.first if abs(SCROLLS[key]) < END else 0)))
    if key == "escape":
        return replace(chosen, wanted="", first=0)
    return by_letter(character or key, chosen, table)


SCROLLS = {"up": -1, "k": -1, "down": 1, "j": 1, "pageup": -PAGE, "pagedown": PAGE, "home": -END, "end": END}


def by_letter(letter: str, chosen: Chosen, table: Table | None) -> Chosen:
    """One of the rest."""
    if letter in ("q", "Q"):
        return replace(chosen, ended=True)
    if letter in ("h", "?", "H"):
        return replace(chosen, help=True)
    if letter in ("p", "P", " ", "space"):
        return replace(chosen, paused=not chosen.paused)
    if letter in ("r", "R"):
        return replace(chosen, reverse=not chosen.reverse, first=0)
    if letter == "/":
        return replace(chosen, typing=True, wanted="", first=0)
    if letter in ("s", "S") and table:
        sorts = chosen.sorts | {chosen.view: next_sort(chosen, table)}
        return replace(chosen, sorts=sorts, first=0, reverse=False)
    return chosen


def sort_of(chosen: Chosen, table: Table) -> int:
    """The column that a table is sorted by."""
    found = chosen.sorts.get(chosen.view, table.sort)
    return found if found < len(table.columns) else table.sort


def next_sort(chosen: Chosen, table: Table) -> int:
    """The next one that can be sorted by."""
    count, now = len(table.columns), sort_of(chosen, table)
    return next(place % count for place in range(now + 1, now + 1 + count) if not table.columns[place % count].drawn)


def typed(key: str, character: str | None, chosen: Chosen) -> Chosen:
    """A key while the filter is typed."""
    if key == "enter":
        return replace(chosen, typing=False)
    if key == "escape":
        return replace(chosen, typing=False, wanted="")
    if key in ("backspace", "ctrl+h"):
        return replace(chosen, wanted=chosen.wanted[:-1])
    if character and character.isprintable():
        return replace(chosen, wanted=(chosen.wanted + character)[:60])
    return chosen
