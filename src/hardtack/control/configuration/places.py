"""Which line of a TOML text each key stands on. tomllib does not say, so it is given one statement at a time."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

Place = tuple[str | int, ...]  # keys and indices from the top of the document: ("host", 1, "ports")

CLOSING = ("]", '"""', "'''")  # a statement of several lines ends on a line that holds one of these


def places(text: str) -> dict[Place, int]:
    """The line, from 1, of every table and key in `text`, which must be TOML; an array's values count as its key."""
    found: dict[Place, int] = {}
    newest: dict[Place, int] = {}  # array of tables -> index of the one that is being written
    table: Place = ()
    for line, statement in statements(text):
        document = tomllib.loads(statement)
        if statement.lstrip().startswith("["):
            table = open_table(document, newest)
            if isinstance(table[-1], int):
                found.setdefault(table[:-1], line)
            found.setdefault(table, line)
        else:
            for place in keys(document, table):
                found.setdefault(place, line)
    return found


def statements(text: str) -> Iterator[tuple[int, str]]:
    """Each header and each key with its value, and the line it begins on."""
    start, statement = 1, ""
    for number, line in enumerate(text.split("\n"), 1):
        if not statement:
            start = number
        statement += line + "\n"
        if (number == start or any(mark in line for mark in CLOSING)) and is_toml(statement):
            yield start, statement
            statement = ""


def is_toml(text: str) -> bool:
    """Whether every value in `text` is closed."""
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True


def open_table(header: dict[str, Any], newest: dict[Place, int]) -> Place:
    """The place of the table that a header opens; a [[header]] counts up in `newest`."""
    place: Place = ()
    value: Any = header
    while isinstance(value, dict) and value:
        (key, value), *_ = value.items()
        place += (key,)
        if isinstance(value, list):
            newest[place] = newest.get(place, -1) + 1
            return (*place, newest[place])
        if place in newest:
            place += (newest[place],)
    return place


def keys(value: Any, place: Place) -> Iterator[Place]:
    """The places below `place` of all that `value` holds: dotted keys, inline tables, arrays of them."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*place, key)
        yield from keys(inner, (*place, key))


def line_of(found: Mapping[Place, int], place: Place) -> int | None:
    """The line of `place`, or of the innermost table around it that is written; None if there is none."""
    while place and place not in found:
        place = place[:-1]
    return found.get(place)
