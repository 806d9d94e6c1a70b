"""`hardtack detach`."""

from __future__ import annotations

import typer

from hardtack.cli.arguments import Attached


def detach(
    interface: Attached = None,
) -> None:
    """Detach hardtack: remove the programs and tables that a front or an agent leaves in place when it ends.

    Stop the processes first: where one is running, nothing is removed. Prints a line for each front and agent that was
    removed. Connections stay open; hosts are no longer protected.

    Example: hardtack detach --interface eth0
    """
    from hardtack.agent.detach import detach as remove

    for line in remove(interface or ()) or ["nothing is attached in this network namespace"]:
        typer.echo(line)
