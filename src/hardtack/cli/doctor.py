"""`hardtack doctor`: what this machine can do, and what to do about the rest."""

from __future__ import annotations

import json as json_text
from typing import Annotated

import typer


def doctor(
    interface: Annotated[
        list[str] | None,
        typer.Option("--interface", "-i", metavar="IF", help="This interface only; may be given several times."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")] = False,
) -> None:
    """Check what this machine supports, what each feature is needed for, and how to get what is missing.

    Attaches nothing. Exit status 0: this machine can run a front; 1: it cannot.

    Example: hardtack doctor --interface eth0
    """
    from hardtack.cli import shipped
    from hardtack.cli.checkup import diagnose, look, report, show
    from hardtack.cli.screen import screen
    from hardtack.kernel import features, interfaces

    found = features.probe() + shipped.programs()
    seen, unknown = look(interface or interfaces.names())
    findings = diagnose(seen, named=bool(interface))
    if json:
        typer.echo(json_text.dumps(report(found, seen, findings, unknown), indent=2))
    else:
        show(screen(), found, seen, findings, unknown)
    raise typer.Exit(0 if features.enough(found, "front") and not unknown else 1)
