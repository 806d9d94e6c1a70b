"""`hardtack top`: the live view."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from hardtack.cli.arguments import Attached, Host


def top(
    interface: Attached = None,
    host: Host = None,
    interval: Annotated[float, typer.Option(min=0.2, max=60, metavar="SECONDS", help="Seconds between updates.")] = 1.0,
) -> int:
    """Show live traffic, full-screen: by reason, host, CPU and rule, connections, and top sources of dropped frames.

    Reads the kernel's tables, so it also works while no process is running, and changes nothing. Keys: h shows them all, q
    quits. Honours NO_COLOR. Needs root and a terminal. Exit status 1: nothing is attached in this network namespace; 2: not
    a usable terminal; then use hardtack status --watch 2.

    Example: hardtack top --interface eth0
    """
    from hardtack.cli.live.terminal import prepare

    blocks = prepare(sys.stdin, sys.stdout, sys.stderr)

    from hardtack.control.live.start import watch

    seen = watch(interface or (), host)

    from hardtack.cli.live.app import Top
    from hardtack.control.hitters.drops import Drops

    view = Top(seen, interval, blocks, Drops(interface, interval))
    return view.run(mouse=False) or view.return_code or 0
