"""`hardtack check CONFIG`."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from hardtack.cli.arguments import ConfigFile
from hardtack.printable import printable


def check(
    config: ConfigFile,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    as_toml: Annotated[
        bool, typer.Option("--show", help="Print the effective configuration as one TOML file, defaults included.")
    ] = False,
    source: Annotated[
        str | None, typer.Option("--source", metavar="ADDRESS", help="Only show whether lists allow or deny this source.")
    ] = None,
) -> None:
    """Show what CONFIG protects, or everything that is wrong with it.

    Exit status 0 if the file is valid, 2 if not. What this machine lacks for it (keys, interfaces), and what would prevent
    forwarding (no route, ip_forward off), is only noted on standard error: the file may be for another machine.

    Example: hardtack check /etc/hardtack/hardtack.toml
    """
    if as_json and as_toml:
        raise typer.BadParameter("write one of --json and --show", param_hint="--show")
    from hardtack.control import proven, rule_loads
    from hardtack.control.configuration.reading import loaded
    from hardtack.control.connections import memory_for
    from hardtack.control.rule_mistakes import named

    found = loaded(config)
    settings = found.config
    with named(found):
        rule_loads.check(settings)
    if source is not None:
        from hardtack.cli.said import address, answers

        for line in answers(address(source), found):
            typer.echo(line)
        return
    if as_toml:
        from hardtack.control.configuration.effective import effective

        typer.echo(effective(found), nl=False)
        return
    from hardtack.control.preflight import notes

    told, memory = notes(settings), memory_for(settings.front.connections)
    if as_json:
        data = settings.model_dump(mode="json", by_alias=True)
        sizes = {"connections_memory": memory, "sources_memory": proven.memory_for(settings.front.sources)}
        typer.echo(json.dumps({**data, **sizes, "notes": told}, indent=2))
        return
    from hardtack.cli.overview import show

    show(settings, memory, found.lists)
    for note in told:
        print(f"hardtack: note: {printable(note)}", file=sys.stderr)
