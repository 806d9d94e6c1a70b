"""`hardtack demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from hardtack.cli.arguments import OutFolder
from hardtack.cli.extras import require_lab


def demo(
    seconds: Annotated[float, typer.Option(min=2, max=200, help="How long each of the seven phases lasts.")] = 20,
    mpps: Annotated[float, typer.Option("--flood", min=0.01, max=20, help="Millions of frames per second.")] = 1.25,
    handshake: Annotated[
        Literal["agent", "challenge"], typer.Option(help="How handshakes end; with challenge, the server has no agent.")
    ] = "agent",
    out: OutFolder = Path("out"),
    json: Annotated[bool, typer.Option("--json", help="Print the numbers as JSON; the rest goes to stderr.")] = False,
) -> int:
    """Watch a web server die under a SYN flood and under an ACK flood, and live.

    Makes client, front and server in network namespaces of its own, touches no other interface, and removes everything
    afterwards, also on Ctrl-C. Honest clients fetch pages all the time: in calm; under a flood of SYNs and then one of
    forged ACKs, which Linux meets with its own means; under both floods with hardtack, and under two by clients with
    real addresses. Then a table, a chart and the numbers. Exit status 0 only if in every phase with hardtack no request
    failed, 95 % of the calm rate was served, and connecting took less than ten times as long (99th percentile).

    Example: hardtack demo --seconds 10
    """
    require_lab()

    from hardtack.lab.demo.story import run

    return run(seconds, mpps, out, handshake, json)
