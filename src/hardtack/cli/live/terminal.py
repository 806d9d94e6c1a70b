"""Whether a terminal can be drawn on, in colours or not, and with which characters."""

from __future__ import annotations

import curses
import locale
import os
from typing import TextIO

from hardtack.control.live.history import ASCII, BLOCKS
from hardtack.mistake import Mistake

DUMB = ("", "dumb", "unknown")
PLAIN = ("vt100", "vt102", "vt220", "ansi", "ansi-mono", "linux", "xterm-mono")  # that may have no block characters
INSTEAD = "use instead: hardtack status --watch 2"


class NoTerminal(Mistake):
    """Nothing to draw on."""

    status = 2


def prepare(*streams: TextIO) -> str:
    """The characters that lines are drawn with. Where the terminal has no colours, none are used. NoTerminal."""
    names = ("standard input", "standard output", "standard error")
    for stream, name in zip(streams, names, strict=True):
        if not stream.isatty():
            raise NoTerminal(f"top needs a terminal, and {name} is not one; {INSTEAD}")
    term = os.environ.get("TERM", "")
    if term in DUMB:
        found = f"TERM={term}" if term else "TERM is not set"
        raise NoTerminal(f"this terminal has no cursor control ({found}); {INSTEAD}")
    if colours(term) < 8:
        os.environ["NO_COLOR"] = "1"
    return ASCII if term in PLAIN or not unicode() else BLOCKS


def colours(term: str) -> int:
    """How many the terminal has; 8 where nobody knows it."""
    try:
        curses.setupterm(term)
        return curses.tigetnum("colors")
    except curses.error:
        return 0 if term in PLAIN else 8


def unicode() -> bool:
    """Whether the user's locale has all characters."""
    try:
        locale.setlocale(locale.LC_CTYPE, "")
        return locale.nl_langinfo(locale.CODESET).upper().replace("-", "") == "UTF8"
    except (locale.Error, AttributeError):
        return False
