"""Where tables are shown: on a terminal they wrap, in a pipe they are as wide as they want. Nothing is cut."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table

PIPE = 1 << 16  # columns: more than any table wants


def screen() -> Console:
    """Standard output for people."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else PIPE)


def folding(table: Table) -> Table:
    """`table`, whose words are folded where they would be cut."""
    for column in table.columns:
        column.overflow = "fold"
        column.no_wrap = False
    return table
