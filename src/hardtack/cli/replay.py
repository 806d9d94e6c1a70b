"""`hardtack replay`: what a front would have done with the frames of a capture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hardtack.cli.arguments import ConfigFile


def replay(
    config: ConfigFile,
    capture: Annotated[
        Path, typer.Argument(metavar="IN", help="A capture of frames from clients, pcap or pcapng; - reads standard input.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="OUT", help="Write the frames that would have been sent (pcapng).")
    ] = None,
    inside: Annotated[
        Path | None, typer.Option("--inside", metavar="IN2", help="A capture of frames from hosts; may be IN itself.")
    ] = None,
    explain: Annotated[
        int | None, typer.Option("--explain", "-n", min=1, metavar="N", help="Show what each phase finds in frame N of IN.")
    ] = None,
    no_grace: Annotated[bool, typer.Option("--no-grace", help="Begin without the configured grace period.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
) -> None:
    """Show what a front with CONFIG would have done with the frames of IN, by verdict and reason, for each host.

    The front starts with the first frame, and the frames' own timestamps are its clock. Runs the front's own program as
    machine code in this process: no root, no interface, nothing is sent. A capture may be of any size, from any system. The
    first run takes a minute to compile.

    Exit status 1: a capture is damaged, and the result is of what is before that; 2: a mistake in the configuration, or a
    file that is not a capture.

    Example: hardtack replay /etc/hardtack/hardtack.toml attack.pcap -o sent.pcapng
    """
    from hardtack.cli.extras import require_compiler

    require_compiler()
    from hardtack.cli.replaying import Asked
    from hardtack.cli.replaying import replay as replayed

    raise typer.Exit(replayed(Asked(config, capture, out, inside, explain or 0, not no_grace, json)))
