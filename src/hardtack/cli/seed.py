"""`hardtack seed`: connections that hosts know of, for a front that has just been switched on."""

from __future__ import annotations

import json as json_text
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from hardtack.cli.arguments import Attached

if TYPE_CHECKING:
    from hardtack.control.feeding import Fed
    from hardtack.control.ss_lines import Counted

PATIENCE = 2.0  # s after which, and in which, progress is told


def seed(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", show_default=False, help="Lines of ss -Hnt; - or none: standard input.")
    ] = Path("-"),
    interface: Attached = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object for each front.")] = False,
) -> int:
    """Import connections that were open before the front started, as printed by `ss -Hnt` on a host.

    In its grace period a front learns active connections. Segments of those that stay idle for longer would be
    dropped, so import them from the host. Connections of unprotected addresses are only counted. Nothing is
    evicted: a full table takes no more. Exit status 2: a line is not from ss, and nothing was imported; 1: no front is
    attached, or the table had no room for all. Needs root.

    Example: hardtack seed web.txt, or at once: ssh web ss -Hnt state established | hardtack seed -
    """
    from hardtack.control import feeding, ss_lines
    from hardtack.control.pinned import fronts

    folders, counted = fronts(interface), ss_lines.Counted()
    with telling(counted):
        names = feeding.held(read(file, counted))
        status = 0
        for fed in feeding.feed(folders, names):
            typer.echo(json_text.dumps(facts(fed, counted)) if json else line(fed, counted))
            status = 1 if fed.planted.no_room else status
    return status


def read(file: Path, counted: Counted) -> Iterator[bytes]:
    """The names in a file. BadLine, OSError."""
    from hardtack.control.ss_lines import LONGEST, names

    def lines(stream: BinaryIO) -> Iterator[bytes]:
        return iter(lambda: stream.readline(LONGEST + 1), b"")

    if str(file) == "-":
        yield from names(lines(sys.stdin.buffer), "standard input", counted)
        return
    with file.open("rb") as stream:
        yield from names(lines(stream), str(file), counted)


def line(fed: Fed, counted: Counted) -> str:
    """For people."""
    planted = fed.planted
    parts = [f"{planted.seeded:,} connections seeded", f"{planted.known:,} already known"]
    if planted.no_room:
        parts.append(f"{planted.no_room:,} not imported: table full")
    parts.append(f"{planted.not_protected:,} not protected here")
    return f"{fed.interface}: {', '.join(parts)}; {counted.lines:,} lines, {counted.other_states:,} of other states"


def facts(fed: Fed, counted: Counted) -> dict[str, object]:
    """For programs: a contract."""
    return {"interface": fed.interface, **vars(fed.planted), **vars(counted)}


@contextmanager
def telling(counted: Counted) -> Iterator[None]:
    """How far it is, on standard error, if it takes long."""
    done = Event()

    def tell() -> None:
        while not done.wait(PATIENCE):
            typer.echo(f"{counted.lines:,} lines read ...", err=True)

    thread = Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
