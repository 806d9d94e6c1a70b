"""`hardtack agent`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hardtack.cli.arguments import Interface, LogFormat, Verbose
from hardtack.kernel.tcp import MOST_SCALE, USUAL_SCALE


def agent(
    interface: Interface,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="FILE", help="Master key file, the same on every machine.")
    ] = None,
    old_key: Annotated[
        Path | None,
        typer.Option("--old-key", metavar="FILE", help="Also accept cookies of this key, during a key rotation."),
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Detach the agent's program and exit.")] = False,
    window_scale: Annotated[
        int, typer.Option(min=0, max=MOST_SCALE, metavar="N", help="window_scale of this host in the front's configuration.")
    ] = USUAL_SCALE,
    metrics_textfile: Annotated[
        Path | None,
        typer.Option(
            "--metrics-textfile",
            metavar="FILE.prom",
            help="Write metrics to this file, for node_exporter; user hardtack must be able to write to its folder.",
        ),
    ] = None,
    verbose: Verbose = False,
    log_format: LogFormat = None,
) -> int:
    """Accept, on a protected host, the clients that return a front's cookie.

    Needs Linux 6.9 or newer on the host. Only ACKs to listening ports are examined; SYNs, known
    connections and everything else pass unchanged. Runs in the foreground and logs a line with the word "ready".
    SIGTERM or Ctrl-C end the process; the program stays in place, with keys for an hour, until the next start takes it
    over or --detach removes it. Where only Python is installed: python3 -P -m hardtack.agent, with the same options.

    Example: hardtack agent --interface eth0 --key /etc/hardtack/key
    """
    if detach == (key is not None):
        raise typer.BadParameter("write either --key FILE or --detach", param_hint="--key")
    for option, value in (("--old-key", old_key), ("--metrics-textfile", metrics_textfile)):
        if value and not key:
            raise typer.BadParameter("also write --key FILE", param_hint=option)
    if key is None:
        from hardtack.agent.detach import detach as remove

        typer.echo("\n".join(remove([interface], ["agent"])))
        return 0

    from hardtack.agent.daemon import run

    return run(interface, key, verbose, window_scale, old_key, textfile=metrics_textfile, log_format=log_format or "")
