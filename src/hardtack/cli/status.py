"""`hardtack status`: what is attached here, and what it has done."""

from __future__ import annotations

import json as json_text
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from hardtack.cli.arguments import Attached

if TYPE_CHECKING:
    from hardtack.control.readout import Snapshot


def status(
    interface: Attached = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Every host with its reasons, every rule, memory.")] = False,
    watch: Annotated[
        float | None,
        typer.Option(min=0.1, max=3600, metavar="SECONDS", help="Repeat every N seconds, with rates."),
    ] = None,
) -> None:
    """Show what is attached, traffic by verdict and reason, and how full the connection table is.

    Fits on a screen of 24 lines: of many hosts, the busiest; --all prints every one. On a machine with an agent it shows
    what the agent does. Reads the kernel's tables, so it also works while no process is running, and changes nothing. Needs
    root. Exit status 1: neither a front nor an agent is attached in this network namespace.

    Example: hardtack status --watch 2
    """
    from hardtack.control.readout import everything

    printed = printed_json(watch is None) if json else printed_page(every, watch is not None)
    while True:
        printed(everything(interface))
        if watch is None:
            return
        time.sleep(watch)


def printed_json(indented: bool) -> Callable[[Snapshot], None]:
    """Prints an object, on one line unless indented."""
    from hardtack.cli.plain import report

    return lambda now: typer.echo(json_text.dumps(report(now), indent=2 if indented else None))


def printed_page(every: bool, again: bool) -> Callable[[Snapshot], None]:
    """Prints a page for people; `again`: on a screen that is cleared before, with rates since the last one."""
    from hardtack.cli.panel import show
    from hardtack.cli.screen import screen

    console = screen()
    last: list[Snapshot] = []

    def printed(now: Snapshot) -> None:
        if again and console.is_terminal:
            console.clear()
        show(console, now, last.pop() if last else None, every=every)
        last.append(now)

    return printed
