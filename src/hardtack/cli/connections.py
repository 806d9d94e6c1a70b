"""`hardtack connections`: lists what the connection table knows."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from hardtack.cli.arguments import Attached, Host


def connections(
    interface: Attached = None,
    host: Host = None,
    client: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="Only from this address or network, as 198.51.100.0/24.")
    ] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Only to this port of the host.")] = None,
    state: Annotated[
        Literal["established", "closing", "unconfirmed", "asked", "half-open"] | None,
        typer.Option(
            metavar="STATE",
            help="established, closing (both have sent a FIN), unconfirmed, asked or half-open (one end has not answered).",
        ),
    ] = None,
    origin: Annotated[
        Literal["cookie", "syn", "host", "grace", "seed"] | None,
        typer.Option(metavar="ORIGIN", help="How the front learned of it: cookie, syn, host, grace or seed."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=0, metavar="N", help="List at most N.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print a JSON object on each line.")] = False,
) -> None:
    """List the known connections of the fronts on this machine, most recently active first.

    All filters must match. The number of matches is printed at the end, on standard error. Needs root. Exit status 1: no
    front is attached in this network namespace.

    Example: hardtack connections --client 198.51.100.0/24 --port 443 --limit 20
    """
    from hardtack.cli.lines import tell
    from hardtack.control.listing import Wanted
    from hardtack.control.search import network, search

    wanted = Wanted(client=network(client) if client else None, port=port, state=state, origin=origin)
    tell(search(wanted, interface, host), limit, json)
