"""Which line of a TOML text each key stands on. tomllib does not say. One pass; what is in `text` must be TOML."""

from __future__ import annotations

import tomllib
from array import array
from dataclasses import dataclass, field

from hardtack.control.configuration.tokens import tokens

Place = tuple[str | int, ...]  # keys and indices from the top of the document: ("host", 1, "ports", 0)


@dataclass
class Lines:
    """Lines, from 1, of every table and key; and of the values in an array, by the array's place."""

    keys: dict[Place, int] = field(default_factory=dict)
    values: dict[Place, array[int]] = field(default_factory=dict)

    def of(self, place: Place) -> int | None:
        """The line of `place`, or of the innermost thing around it that is written; None if there is none."""
        while place and place not in self.keys:
            *_, last = place
            among = self.values.get(place[:-1])
            if among and isinstance(last, int) and last < len(among):
                return among[last]
            place = place[:-1]
        return self.keys.get(place)


@dataclass
class Open:
    """A bracket that is open: an array, or an inline table, and where its next value goes."""

    place: Place
    is_array: bool
    lines: array[int] = field(default_factory=lambda: array("L"))
    fresh: bool = True  # the next word begins a value

    def inner(self) -> Place:
        """Where the value that begins here is."""
        return (*self.place, len(self.lines) - 1) if self.is_array else self.place


class Finder:
    """Walks over the words of a text."""

    def __init__(self) -> None:
        self.found = Lines()
        self.newest: dict[Place, int] = {}  # array of tables -> index of the one that is being written
        self.table: Place = ()
        self.stack: list[Open] = []
        self.last: Place = ()  # the newest key or table
        self.line = 1
        self.parts: list[str] = []  # of the key that is being written
        self.key_line = 1
        self.header = 0  # brackets of a header that is being written
        self.in_value = False
        self.value: Place = ()

    def walk(self, text: str) -> Lines:
        """All of it."""
        for kind, word, _ in tokens(text):
            if word == "\n":
                self.end_line()
            elif self.in_value:
                self.of_value(word)
            else:
                self.of_key(kind, word)
            if kind == "text":
                self.line += word.count("\n")
        return self.found

    def end_line(self) -> None:
        """A statement ends with its line, unless a bracket is open."""
        self.line += 1
        if not self.stack:
            self.in_value, self.parts, self.header = False, [], 0

    def of_key(self, kind: str, word: str) -> None:
        """Left of "=", or in a header."""
        if kind != "mark":
            self.key_line = self.line if not self.parts else self.key_line
            self.parts.append(word if kind == "word" else plain(word))
        elif word == "=":
            base = self.stack[-1].inner() if self.stack else self.table
            self.value = self.last = self.note_path(base, self.parts)
            self.in_value, self.parts = True, []
        elif word == "[" and not self.parts:
            self.header += 1
        elif word == "]" and self.header:
            if self.parts:
                self.open_table()
        elif word == "}":
            self.close()

    def note_path(self, base: Place, parts: list[str]) -> Place:
        """The place of a dotted key; each part of it is a place, too."""
        for part in parts:
            base = (*base, part)
            self.found.keys.setdefault(base, self.key_line)
        return base

    def open_table(self) -> None:
        """A header is complete; a [[header]] counts up in `newest`."""
        place: Place = ()
        for number, part in enumerate(self.parts, 1):
            place = (*place, part)
            self.found.keys.setdefault(place, self.key_line)
            if place in self.newest and number < len(self.parts):
                place = (*place, self.newest[place])
        if self.header == 2:
            self.newest[place] = self.newest.get(place, -1) + 1
            place = (*place, self.newest[place])
        self.found.keys.setdefault(place, self.key_line)
        self.table, self.parts = place, []
        self.last = place if self.header == 1 else place[:-1]

    def of_value(self, word: str) -> None:
        """Right of "="."""
        inside = self.stack[-1] if self.stack else None
        if word == ",":
            if inside:
                inside.fresh, self.in_value = True, inside.is_array
        elif word in ("]", "}"):
            self.close()
        else:
            if inside and inside.is_array and inside.fresh:
                inside.lines.append(self.line)
                inside.fresh = False
            if word in ("[", "{"):
                place = inside.inner() if inside and inside.is_array else self.value
                self.stack.append(Open(place, word == "["))
                self.in_value = word == "["

    def close(self) -> None:
        """The innermost bracket."""
        if self.stack:
            closed = self.stack.pop()
            if closed.is_array:
                self.found.values[closed.place] = closed.lines
        self.in_value, self.parts = True, []


def places(text: str) -> Lines:
    """The lines of a TOML text."""
    return Finder().walk(text)


def plain(quoted: str) -> str:
    """A key without its quotes."""
    if "\\" not in quoted or quoted.startswith("'"):
        return quoted[1:-1]
    try:
        return str(tomllib.loads(f"key = {quoted}")["key"])
    except tomllib.TOMLDecodeError:
        return quoted
