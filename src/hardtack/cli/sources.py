"""`hardtack sources`: lists the sources that have answered a challenge."""

from __future__ import annotations

from typing import Annotated

import typer

from hardtack.cli.arguments import Attached


def sources(
    interface: Attached = None,
    source: Annotated[
        str | None, typer.Option(metavar="NETWORK", help="Only this address or network, as 198.51.100.0/24.")
    ] = None,
    waiting: Annotated[
        bool, typer.Option("--waiting", help="Only those that are temporarily blocked: their SYNs are dropped.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=0, metavar="N", help="List at most N.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print a JSON object on each line.")] = False,
) -> None:
    """List the proven sources of the fronts on this machine, most recently seen first.

    A source is proven by its answer to a challenge (handshake = "challenge"), or by a completed handshake. All filters must
    match. The number of matches is printed at the end, on standard error. Needs root. Exit status 1: no front is attached in
    this network namespace.

    Example: hardtack sources --source 198.51.100.0/24 --waiting
    """
    from hardtack.cli.lines import SOURCES, tell
    from hardtack.control.proven_listing import Wanted
    from hardtack.control.search import network, search_sources

    wanted = Wanted(network=network(source) if source else None, waiting=waiting)
    tell(search_sources(wanted, interface), limit, json, SOURCES)
