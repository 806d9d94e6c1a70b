"""What the journal gets, as lines."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from hardtack.journal import JOURNAL


@contextmanager
def journal() -> Iterator[list[str]]:
    """Level and text of each entry."""
    lines: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(f"{record.levelname} {record.getMessage()}")

    listener, level = Listener(), JOURNAL.level
    JOURNAL.addHandler(listener)
    JOURNAL.setLevel(logging.INFO)
    try:
        yield lines
    finally:
        JOURNAL.removeHandler(listener)
        JOURNAL.setLevel(level)
