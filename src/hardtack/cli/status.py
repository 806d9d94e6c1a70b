"""`hardtack status`: what is attached here, and what it has done."""

from __future__ import annotations

import json as json_text
import time
from typing import Annotated

import typer

from hardtack.cli.arguments import Attached


def status(
    interface: Attached = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
    every: Annotated[
        bool, typer.Option("--all", help="Every host with its reasons, every rule, and what is known of memory.")
    ] = False,
    watch: Annotated[
        float | None,
        typer.Option(min=0.1, max=3600, metavar="SECONDS", help="Again every so many seconds, with frames per second."),
    ] = None,
) -> None:
    """Say what is attached here, what became of how many frames and why, and how full the connection table is.

    Fits on a screen of 24 lines: of many hosts, the busiest; --all prints every one. On a machine with an agent it says what
    the agent does. Reads the kernel's tables, so it works while no process runs, too, and changes nothing. Needs root. Exit
    status 1: no front and no agent is attached in this network namespace.

    Example: hardtack status --watch 2
    """
    from hardtack.cli.panel import report, show
    from hardtack.cli.screen import screen
    from hardtack.control.readout import everything

    console, before = screen(), None
    while True:
        now = everything(interface)
        if json:
            typer.echo(json_text.dumps(report(now), indent=None if watch else 2))
        else:
            if watch and console.is_terminal:
                console.clear()
            show(console, now, before, every=every)
        if watch is None:
            return
        before = now
        time.sleep(watch)
