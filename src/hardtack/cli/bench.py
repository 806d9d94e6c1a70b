"""`hardtack bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hardtack.cli.arguments import OutFolder, Verbose


def bench(
    seconds: Annotated[float, typer.Option(min=0.5, max=600, help="How long each row is measured.")] = 5,
    out: OutFolder = Path("out"),
    verbose: Verbose = False,
) -> int:
    """Measure what a SYN costs: hardtack, the limit of the driver, and Linux's own means, side by side.

    CPU nanoseconds per SYN of the receiving core, and millions of SYNs a second; then each program's size and start-up.
    Machines differ and are noisy: compare rows of one run, not numbers of two.

    Example: hardtack bench --out out
    """
    from hardtack.lab.bench import run

    return run(seconds, out, verbose)
