"""What front and agent say while they run: one line an event, `time level event key=value ...`, on standard error.

Standard library: an agent has nothing else, and both shall speak alike.
"""

from __future__ import annotations

import logging
import sys

from hardtack.printable import printable

JOURNAL = logging.getLogger("hardtack")


def begin(verbose: bool) -> None:
    """Open the journal; `verbose` adds debug lines. It is ours alone: the compiler's libraries log too."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    JOURNAL.handlers[:] = [handler]
    JOURNAL.propagate = False
    JOURNAL.setLevel(logging.DEBUG if verbose else logging.INFO)


def note(event: str, level: int = logging.INFO, **facts: object) -> None:
    """Log an event and what belongs to it; values with blanks are quoted."""
    told = (f"{name}={quoted(value)}" for name, value in facts.items())
    JOURNAL.log(level, " ".join([event, *told]))


def quoted(value: object) -> str:
    """As it is where a script can tell where it ends."""
    text = str(value)
    return text if text and not any(letter in ' "=' or not letter.isprintable() for letter in text) else f'"{escaped(text)}"'


def escaped(text: str) -> str:
    """Quotes marked; no line breaks, and nothing that a terminal would take for an order."""
    return printable(text.replace("\\", "\\\\").replace('"', '\\"'))
