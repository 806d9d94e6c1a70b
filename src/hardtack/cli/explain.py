"""`hardtack explain`: what becomes of single frames, and what each phase of the policy finds in them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hardtack.cli.arguments import ConfigFile


def explain(
    config: ConfigFile,
    capture: Annotated[Path, typer.Argument(metavar="CAPTURE", help="A capture file, pcap or pcapng.")],
    frame: Annotated[int | None, typer.Option("--frame", "-n", min=1, metavar="N", help="Only this frame, from 1.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print a JSON object on each line.")] = False,
) -> None:
    """Show what a front with CONFIG does with the frames of CAPTURE, and what each phase of its policy finds in them.

    Runs the front's own program as machine code in this process: no root, no interface, nothing is sent. It starts with
    an empty connection table. For a file of `hardtack capture`, the verdict at that time is shown too. The first
    run takes half a minute to compile.

    Exit status 2: a mistake in the configuration, or no such frame.

    Example: hardtack explain /etc/hardtack/hardtack.toml drops.pcapng --frame 17
    """
    from hardtack.cli.extras import require_compiler

    require_compiler()
    from hardtack.cli.explaining import explain as explained

    explained(config, capture, frame, json)
