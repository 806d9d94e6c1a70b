"""`hardtack demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hardtack.cli.arguments import OutFolder, Verbose


def demo(
    seconds: Annotated[float, typer.Option(min=2, max=600, help="How long each of the three phases lasts.")] = 30,
    out: OutFolder = Path("out"),
    verbose: Verbose = False,
) -> int:
    """Watch a web server die under a SYN flood, and live.

    Makes client, front and server in network namespaces of its own, touches no other interface, and removes everything
    afterwards, also on Ctrl-C. Honest clients fetch pages all the time: in calm; under a flood that Linux meets with
    its own SYN cookies; under the same flood with hardtack. Exit status 0 only if then every request succeeded.

    Example: hardtack demo --seconds 10
    """
    from hardtack.lab.demo import run

    return run(seconds, out, verbose)
