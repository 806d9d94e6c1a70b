"""Arguments that several commands take."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Annotated, Literal

import typer


def interfaces(incomplete: str) -> list[str]:
    """This machine's interfaces, for the shell's completion."""
    return [name for _, name in socket.if_nameindex() if name.startswith(incomplete)]


ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="The configuration: hardtack example prints one.")]
Interface = Annotated[
    str,
    typer.Option("--interface", "-i", metavar="IF", help="Where clients' traffic comes in.", autocompletion=interfaces),
]
Attached = Annotated[
    str | None,
    typer.Option("--interface", "-i", metavar="IF", help="This interface only; without: all.", autocompletion=interfaces),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say more about what is done.")]
LogFormat = Annotated[
    Literal["text", "json"] | None,
    typer.Option("--log-format", metavar="text|json", help="Of log lines. Left out: as HARDTACK_LOG says, else text."),
]
OutFolder = Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where the chart and the numbers go.")]
