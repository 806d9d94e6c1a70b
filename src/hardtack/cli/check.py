"""`hardtack check CONFIG`."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from hardtack.cli.arguments import ConfigFile

if TYPE_CHECKING:
    from hardtack.control.config import Config, Front, Host


def check(
    config: ConfigFile,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON, for programs.")] = False,
) -> None:
    """Say what CONFIG protects, or everything that is wrong with it.

    Exit status 0 if the file is good, 2 if not. What this machine lacks for it (the key, the interface) is only noted
    on standard error: the file may have been written for another one.

    Example: hardtack check etc/hardtack.toml
    """
    from hardtack.control.config import load

    settings = load(config)
    notes = list(lacking(settings.front))
    if as_json:
        typer.echo(json.dumps({**settings.model_dump(mode="json", by_alias=True), "notes": notes}, indent=2))
    else:
        show(settings)
        for note in notes:
            print(f"hardtack: note: {note}", file=sys.stderr)


def lacking(front: Front) -> Iterator[str]:
    """What would keep a front from starting here."""
    from hardtack.keys import KeyFileError, read_key

    try:
        socket.if_nametoindex(front.interface)
    except OSError:
        yield f"{front.interface}: no such interface on this machine"
    try:
        read_key(front.key_file)
    except KeyFileError as error:
        yield str(error)


def show(settings: Config) -> None:
    """What will be protected, as a table."""
    from rich.console import Console
    from rich.table import Table

    table = Table("host", "addresses", "ports", "handshake", "via", "MSS")
    for host in settings.hosts:
        ports = ", ".join(map(str, host.ports)) if host.ports else "all TCP"
        addresses = "\n".join(map(str, host.addresses))
        table.add_row(host.name, addresses, ports, host.handshake, host.via, mss(host))
    console = Console(highlight=False)
    console.print(f"On {settings.front.interface}, with the key in {settings.front.key_file}:", markup=False)
    console.print(table)


def mss(host: Host) -> str:
    """The MSS of each address, on the address's line."""
    return "\n".join(str(host.mss_for(address)) for address in host.addresses)
