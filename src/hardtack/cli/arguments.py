"""Arguments that several commands take."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Annotated, Literal

import typer


def interfaces(incomplete: str) -> list[str]:
    """This machine's interfaces, for the shell's completion."""
    return [name for _, name in socket.if_nameindex() if name.startswith(incomplete)]


def hosts(incomplete: str) -> list[str]:
    """The hosts of the fronts here, likewise."""
    from hardtack.control.names import known_hosts

    return [name for name in known_hosts() if name.startswith(incomplete)]


ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="The configuration: hardtack example prints one.")]
Interface = Annotated[
    str,
    typer.Option("--interface", "-i", metavar="IF", help="Where clients' traffic comes in.", autocompletion=interfaces),
]
Attached = Annotated[
    list[str] | None,
    typer.Option(
        "--interface",
        "-i",
        metavar="IF",
        help="This interface only; may be given several times. Without: all.",
        autocompletion=interfaces,
    ),
]
Host = Annotated[
    str | None, typer.Option("--host", metavar="NAME", help="This host only, by its name.", autocompletion=hosts)
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")]
LogFormat = Annotated[
    Literal["text", "json"] | None,
    typer.Option("--log-format", metavar="text|json", help="Of log lines. Left out: as HARDTACK_LOG says, else text."),
]
OutFolder = Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where the chart and the numbers go.")]
