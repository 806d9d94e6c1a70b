"""What `hardtack connections` and `hardtack sources` print: a line for each, as they are read, however many there are."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, NamedTuple

from hardtack.control.listing import BATCH
from hardtack.control.search import Found, FoundSources

UNITS = ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s"))  # seconds; each with what is left over

Row = dict[str, Any]
Several = Sequence[Found | FoundSources]


class Columns(NamedTuple):
    """How rows are told to people."""

    headings: tuple[str, ...]
    cells_of: Callable[[Row], tuple[str, ...]]


def tell(found: Several, limit: int | None, as_json: bool, columns: Columns | None = None) -> None:
    """Print all of them, or `limit`, and at last how many there are. A reader who has seen enough may close the pipe."""
    shown = 0
    with until_nobody_reads():
        for row in batches(found, limit):
            shown += len(row)
            if as_json:
                text = "".join(json.dumps(one) + "\n" for one in row)
            else:
                text = "".join(lines(row, columns or CONNECTIONS, headed=shown == len(row)))
            sys.stdout.write(text)
    matching, known = sum(len(one.rows) for one in found), sum(one.known for one in found)
    print(f"{shown:,} shown, {matching:,} match, {known:,} known", file=sys.stderr)


@contextmanager
def until_nobody_reads() -> Iterator[None]:
    """What is printed here is at standard output's other end afterwards, or that has been closed, and all is well."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more when it ends


def batches(found: Several, limit: int | None) -> Iterator[list[Row]]:
    """The rows of all fronts, some at a time."""
    rows = islice((row for one in found for row in one.told(limit)), limit)
    while batch := list(islice(rows, BATCH)):
        yield batch


def lines(rows: list[Row], columns: Columns, headed: bool) -> Iterator[str]:
    """Columns, as wide as these rows want them; with headings above if `headed`."""
    cells = [columns.headings, *map(columns.cells_of, rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells if headed else cells[1:]:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n"


def connection(row: Row) -> tuple[str, ...]:
    """One connection as people read it."""
    return (
        end(row["client"], row["client_port"]),
        row["host"] or "-",
        end(row["address"], row["port"]),
        row["state"],
        row["origin"],
        lasting(row["age_seconds"]),
        lasting(row["idle_seconds"]),
    )


def source(row: Row) -> tuple[str, ...]:
    """One source as people read it."""
    idle, waits = lasting(row["idle_seconds"]), lasting(row["waits_seconds"]) if row["waits_seconds"] else "-"
    return row["source"], str(row["allowance"]), str(row["half_open"]), idle, waits, str(row["lost"])


CONNECTIONS = Columns(("client", "host", "address", "state", "origin", "age", "idle"), connection)
SOURCES = Columns(("source", "allowance", "half-open", "idle", "waits", "lost"), source)


def end(address: str, port: int) -> str:
    """`192.0.2.10:80`, `[2001:db8::10]:80`."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def lasting(seconds: float) -> str:
    """`3d04h`, `2h05m`, `7m01s`, `12s`, `0.3s`."""
    for unit, name, part, part_name in UNITS:
        if seconds >= unit:
            return f"{int(seconds // unit)}{name}{int(seconds % unit // part):02d}{part_name}"
    return f"{seconds:.0f}s" if seconds >= 10 else f"{seconds:.1f}s"
