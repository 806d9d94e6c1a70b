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
        Literal["agent", "challenge"], typer.Option(help="The handshake method; with challenge, the server has no agent.")
    ] = "agent",
    out: OutFolder = Path("out"),
    json: Annotated[bool, typer.Option("--json", help="Print the numbers as JSON; the rest goes to stderr.")] = False,
) -> int:
    """Show a web server under a SYN flood and an ACK flood, without hardtack and with it.

    Makes client, front and server in network namespaces of its own, touches no other interface, and removes everything
    afterwards, also on Ctrl-C. Clients fetch pages all the time: without a flood (baseline); under a SYN flood, then one
    of forged ACKs, with Linux's own defences; under both floods with hardtack, and under two from real addresses. Then it
    prints a table, a chart and the numbers. Exit status 0 only if in every phase with hardtack no request
    failed, 95 % of the baseline rate was served, and connecting took less than ten times as long (99th percentile).

    Example: hardtack demo --seconds 10
    """
    require_lab()

    from hardtack.lab.demo.story import run

    return run(seconds, mpps, out, handshake, json)
