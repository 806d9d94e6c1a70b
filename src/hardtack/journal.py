"""What front and agent say while they run: one line an event, `time level event key=value ...`, on standard error.

Times have their zone. Under systemd, whose journal has times of its own, a line begins with its syslog priority instead.
Standard library: an agent has nothing else, and both shall speak alike.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from datetime import datetime
from typing import TextIO

from hardtack.mistake import Mistake
from hardtack.printable import printable
from hardtack.quota import Quota

JOURNAL = logging.getLogger("hardtack")
FORMATS = ("text", "json")
VARIABLE = "HARDTACK_LOG"  # the format where no option says one
PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}  # syslog(3)
COLOURS = {logging.DEBUG: "2", logging.WARNING: "33", logging.ERROR: "31", logging.CRITICAL: "31"}  # SGR parameters
BURST, AGAIN = 20, 60.0  # lines of one event at once; then one in so many seconds
# One line for each thing that an operator does. All others may come as often as an attacker likes.
UNLIMITED = frozenset({"ready", "left", "reloaded", "changed", "not-reloaded", "protect", "dropped", "moved", "program"})


def begin(verbose: bool, form: str = "") -> None:
    """Open the journal; `verbose` adds debug lines. It is ours alone: the compiler's libraries log too.

    `form`: one of FORMATS; "": as the environment says, else text. Mistake for another.
    """
    form = form or os.environ.get(VARIABLE, "") or "text"
    if form not in FORMATS:
        raise Mistake(f"{VARIABLE}: found {form!r}, which is not a log format; write {' or '.join(FORMATS)}")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines(form, is_journal(sys.stderr), has_colours(sys.stderr)))
    handler.addFilter(Limit())
    JOURNAL.handlers[:] = [handler]
    JOURNAL.propagate = False
    JOURNAL.setLevel(logging.DEBUG if verbose else logging.INFO)


def note(event: str, level: int = logging.INFO, **facts: object) -> None:
    """Log an event and what belongs to it; values with blanks are quoted."""
    told = (f"{name}={quoted(value)}" for name, value in facts.items())
    JOURNAL.log(level, " ".join([event, *told]), extra={"event": event, "facts": facts})


class Lines(logging.Formatter):
    """A line an event. `journal`: for systemd's."""

    def __init__(self, form: str, journal: bool = False, colours: bool = False) -> None:
        super().__init__()
        self._form, self._journal, self._colours = form, journal, colours

    def format(self, record: logging.LogRecord) -> str:
        """As logging wants it: the line, without its end."""
        prefix = f"<{PRIORITIES.get(record.levelno, 6)}>" if self._journal else ""
        return prefix + (self._json(record) if self._form == "json" else self._text(record))

    def _text(self, record: logging.LogRecord) -> str:
        level, more = record.levelname, getattr(record, "suppressed", 0)
        if self._colours and (colour := COLOURS.get(record.levelno)):
            level = f"\x1b[{colour}m{level}\x1b[0m"
        line = f"{level} {record.getMessage()}" + (f" suppressed={more}" if more else "")
        return line if self._journal else f"{time_of(record)} {line}"

    def _json(self, record: logging.LogRecord) -> str:
        event = getattr(record, "event", "message")
        facts = getattr(record, "facts", None) or ({} if event != "message" else {"text": record.getMessage()})
        if more := getattr(record, "suppressed", 0):
            facts = {**facts, "suppressed": more}
        head = {"time": time_of(record), "level": record.levelname.lower(), "event": event}
        return json.dumps(head | plain(facts))


class Limit(logging.Filter):
    """Lets through so many lines of each event; the next that passes says how many did not."""

    def __init__(self) -> None:
        super().__init__()
        self._quota = Quota(BURST, AGAIN)

    def filter(self, record: logging.LogRecord) -> bool:
        """As logging asks: whether it is written."""
        event = getattr(record, "event", None)
        if event is None or event in UNLIMITED:
            return True
        suppressed = self._quota.take(event, record.created)
        record.suppressed = suppressed or 0
        return suppressed is not None


def plain(facts: dict[str, object]) -> dict[str, object]:
    """The same as JSON can have it: what it does not know as text."""
    return {name: value if isinstance(value, int | float) else str(value) for name, value in facts.items()}


def time_of(record: logging.LogRecord) -> str:
    """When it was, as ISO 8601 with milliseconds and the zone's offset."""
    return datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds")


def is_journal(stream: TextIO) -> bool:
    """Whether systemd's journal reads this stream: sd-daemon(3), systemd.exec(5) on JOURNAL_STREAM."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def has_colours(stream: TextIO) -> bool:
    """A terminal that has some, and whose user has nothing against them: no-color.org."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"


def quoted(value: object) -> str:
    """As it is where a script can tell where it ends."""
    text = str(value)
    return text if text and not any(letter in ' "=' or not letter.isprintable() for letter in text) else f'"{escaped(text)}"'


def escaped(text: str) -> str:
    """Quotes marked; no line breaks, and nothing that a terminal would take for an order."""
    return printable(text.replace("\\", "\\\\").replace('"', '\\"'))
