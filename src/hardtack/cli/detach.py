"""`hardtack detach`."""

from __future__ import annotations

import typer

from hardtack.cli.arguments import Attached


def detach(
    interface: Attached = None,
) -> None:
    """Take hardtack off: the programs and tables that stay at work when a front or an agent ends.

    End the processes first; while one of them is at work on an interface, nothing is removed. What is removed is said in a
    line for each front and agent. All connections go on; their hosts meet everything by themselves from then on.

    Example: hardtack detach --interface eth0
    """
    from hardtack.agent.detach import detach as remove

    for line in remove(interface or ()) or ["nothing is attached in this network namespace"]:
        typer.echo(line)
