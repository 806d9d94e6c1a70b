"""A text of many hosts, parsed host by host: of those that are known nothing is parsed again."""

from __future__ import annotations

import re

from hardtack.control.configuration.remembered import Parts, Tables
from hardtack.control.configuration.toml import MOST_KEYS, parse

HEADER = re.compile(r"^\[\[host\]\]", re.MULTILINE)


def by_parts(text: str, known: Parts) -> dict[str, Tables] | None:
    """The parts of a TOML text, whose lines end with "\\n", and what each means; None if it is to be parsed as a whole.

    It is cut before each line that begins with [[host]]. If every part is TOML by itself, no text in quotes and no list was
    cut: one that is open at the end is none. And if nothing but hosts is behind the first such line, they follow each other.
    """
    starts = [found.start() for found in HEADER.finditer(text)]
    if not starts or text.count("=") > MOST_KEYS:
        return None
    found: dict[str, Tables] = {}
    for start, end in zip([0, *starts], [*starts, len(text)], strict=True):
        part = text[start:end]
        tables = known.get(part)
        tables = meaning(part) if tables is None else tables
        if tables is None or ("host" in tables if not found else tables.keys() != {"host"}):
            return None
        found[part] = tables
    return found if len(found) == len(starts) + 1 else None  # the same host twice: a mistake


def meaning(text: str) -> Tables | None:
    """That of a part; None if it is no TOML."""
    parsed = parse(text)
    return None if parsed.broken else parsed.document


def joined(parts: Parts) -> Tables:
    """All of the text."""
    first, *others = parts.values()
    return {**first, "host": [host for one in others for host in one["host"]]}
