"""`hardtack bench`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from hardtack.cli.arguments import OutFolder
from hardtack.cli.extras import require_lab


def bench(
    rounds: Annotated[int | None, typer.Option(min=1, max=1000, help="How many rounds of measurements.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Few rounds and frames: only checks that it works.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the numbers as JSON, for programs.")] = False,
    out: OutFolder = Path("out"),
) -> int:
    """Measure the cost per frame: hardtack, the limits of the driver, and Linux's own defences, side by side.

    SYNs, forged ACKs and segments of known connections: CPU nanoseconds a frame of the receiving core, and millions of
    frames a second; where each nanosecond goes; then each program's size, memory and start-up. Takes some minutes, in
    network namespaces of its own.
    Machines differ and are noisy: compare rows of one run, not numbers of two.

    Example: hardtack bench --out out
    """
    require_lab()

    from hardtack.lab.bench.results import FULL, QUICK
    from hardtack.lab.bench.run import run

    effort = QUICK if quick else FULL
    return run(out, replace(effort, rounds=rounds or effort.rounds), as_json)
