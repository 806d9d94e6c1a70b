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


ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="The configuration file: hardtack example prints one.")]
Interface = Annotated[
    str,
    typer.Option("--interface", "-i", metavar="IF", help="Interface that faces the clients.", autocompletion=interfaces),
]
Attached = Annotated[
    list[str] | None,
    typer.Option(
        "--interface",
        "-i",
        metavar="IF",
        help="This interface only; may be given several times. Default: all.",
        autocompletion=interfaces,
    ),
]
Host = Annotated[
    str | None, typer.Option("--host", metavar="NAME", help="This host only, by its name.", autocompletion=hosts)
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Also log debug messages.")]
LogFormat = Annotated[
    Literal["text", "json"] | None,
    typer.Option("--log-format", metavar="text|json", help="Log format. Default: $HARDTACK_LOG, else text."),
]
OutFolder = Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Folder for the chart and the numbers.")]
