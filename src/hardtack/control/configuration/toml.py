"""TOML text into a document, or what keeps it from being TOML, by line. tomllib reads it; what it would not stand is told
before (thousands of brackets or digits), and what it says in its own words is said in ours.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import Any

from hardtack.control.configuration.places import Finder
from hardtack.control.configuration.tokens import line_at, tokens
from hardtack.printable import cut, printable

MOST_NESTED = 16  # nested brackets, and parts of a dotted key
LONGEST_WORD = 256  # characters without quotes: of a key, of a number
MOST_KEYS = 1_000_000
LONGEST_SHOWN = 60  # characters of a line
MOST_TOLD = 20  # lines that are no TOML
MOST_READ_AGAIN = 1 << 18  # characters: a longer text is not searched for a second mistake
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0d\x0e-\x1f\x7f]")
WHERE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
REMEDY = "write key = value, with text in quotes"

# What tomllib says -> what is wrong, and what to write
WORDS = {
    "Invalid value": ("an invalid value", REMEDY),
    "Expected '=' after a key in a key/value pair": ("a missing = after the key", REMEDY),
    "Invalid statement": ("an invalid line", "write key = value, [table], or # before a comment"),
    "Expected newline or end of document after a statement": (
        *("unexpected text after the value", "write text in quotes, and each key on a line of its own"),
    ),
    "Cannot overwrite a value": ("a duplicate key", "write it once"),
    "Unclosed array": (
        *("an unclosed list, or a missing comma", "write ] at its end, commas between, and text in quotes"),
    ),
    "Unclosed inline table": ("an unclosed inline table, or a missing comma", "write } at its end, and commas between"),
    "Expected ']' at the end of a table declaration": ("an unclosed table header", "write [front] or [[host]]"),
    "Expected ']]' at the end of an array declaration": ("an unclosed table header", "write [[host]]"),
    "Unescaped '\\' in a string": ("an invalid \\ escape", "write \\\\, or the text in single quotes"),
}

Broken = tuple[int, str]  # a line, from 1, and what to say of it


@dataclass(frozen=True)
class Parsed:
    """What was made of a text. `text` is without the lines in `broken`, which are no TOML; if nothing can be made of what is
    left, or nobody can tell what was meant, there is no document.
    """

    text: str
    document: dict[str, Any] | None
    broken: tuple[Broken, ...] = ()


def parse(text: str) -> Parsed:
    """A TOML text, whose lines end with "\n"."""
    if objection := too_much(text):
        return Parsed(text, None, (objection,))
    broken: list[Broken] = []
    while True:
        try:
            return Parsed(text, tomllib.loads(text), tuple(broken))
        except tomllib.TOMLDecodeError as error:
            one, goes_on = explained(text, str(error))
        if broken and not goes_on and one[0] <= broken[-1][0]:
            return Parsed(text, None, tuple(broken))  # what is left of the line before
        broken.append(one)
        if not goes_on or len(broken) == MOST_TOLD or len(text) > MOST_READ_AGAIN:
            return Parsed(text, None, tuple(broken))
        text = without_line(text, one[0])


def too_much(text: str) -> Broken | None:
    """What no configuration needs, and what would be more than Python's parser or a reader can take."""
    if found := CONTROL.search(text):
        return line_at(text.replace("\r", "\n"), found.start()), control(found[0])
    depth = parts = keys = 0
    for kind, word, start in tokens(text):
        depth += (word in ("[", "{")) - (word in ("]", "}"))
        parts = parts + 1 if word == "." else 0 if kind == "mark" else parts
        keys += word == "="
        if depth > MOST_NESTED or parts >= MOST_NESTED:
            what = "nested brackets" if depth > MOST_NESTED else "parts of a key"
            return line_at(text, start), f"found more than {MOST_NESTED} {what}; no configuration needs that many"
        if kind == "word" and len(word) > LONGEST_WORD:
            what = f"found {cut(printable(word), LONGEST_SHOWN)}, {len(word):,} characters without a space"
            return line_at(text, start), f"{what}; numbers and keys are shorter than {LONGEST_WORD}, and text is in quotes"
        if keys > MOST_KEYS:
            return line_at(text, start), f"found key number {keys:,}; a file has at most {MOST_KEYS:,}"
        if kind == "open":
            return line_at(text, start), unclosed(text, start)
    return None


def control(character: str) -> str:
    """Of a character that TOML allows nowhere."""
    if character == "\r":
        return "found a CR without LF; save the file with lines that end with LF, or CR LF"
    code = f"{ord(character):04X}"
    return f"found the control character U+{code}; remove it, or write \\u{code} in its place, in text in quotes"


def unclosed(text: str, start: int) -> str:
    """Of a string without its end."""
    quote = text[start : start + 3] if text.startswith(text[start] * 3, start) else text[start]
    where = "before the end of the file" if len(quote) == 3 else "on this line"
    return f"not TOML: an unclosed string: found {shown(text, start)}; write {quote} at its end, {where}"


def explained(text: str, message: str) -> tuple[Broken, bool]:
    """What tomllib's `message` says, with what stands there; and whether the other lines make sense without that one."""
    where = WHERE.search(message)
    number = where[1] if where else None  # none at the document's end
    line = int(number) if number else len(text.rstrip().split("\n"))
    said = message[: where.start()] if where else message
    what, remedy = WORDS.get(said, (said[:1].lower() + said[1:], REMEDY))
    twice = said.startswith(("Cannot", "Duplicate"))
    if twice:
        what, remedy = WORDS["Cannot overwrite a value"]
    found = text.split("\n")[line - 1].strip()
    before = earlier(text, line) if twice else opening(upto(text, line - 1) if number else text)
    told = f"not TOML: {what}{before}: found {cut(printable(found), LONGEST_SHOWN) or 'nothing'}; {remedy}"
    closed = all(found.count(one) == found.count(two) for one, two in ("[]", "{}"))
    alone = closed and not found.startswith("[") and not (before and not twice and "=" in found)
    return (line, told), bool(found and number) and alone


def opening(text: str) -> str:
    """Where the outermost bracket was opened that is still open when `text` ends."""
    opened: list[int] = []
    for _, word, start in tokens(text):
        if word in ("[", "{"):
            opened.append(start)
        elif word in ("]", "}") and opened:
            opened.pop()
    return f", in the list or table opened on line {line_at(text, opened[0])}" if opened else ""


def earlier(text: str, line: int) -> str:
    """Where the last key or table that is written up to `line` was written before."""
    finder = Finder()
    lines = finder.walk(upto(text, line)).keys
    place = finder.last
    before = [number for length in range(len(place), 0, -1) if (number := lines.get(place[:length], line)) < line]
    return f", first on line {before[0]}" if before else ""


def upto(text: str, line: int) -> str:
    """That line and all before it."""
    return "\n".join(text.split("\n", line)[:line])


def without_line(text: str, line: int) -> str:
    """`text` with nothing on that line."""
    lines = text.split("\n")
    lines[line - 1] = ""
    return "\n".join(lines)


def shown(text: str, start: int) -> str:
    """What stands there, up to the line's end."""
    end = text.find("\n", start)
    return cut(printable(text[start : end if end >= 0 else len(text)]), LONGEST_SHOWN)
