"""`hardtack protect`."""

from __future__ import annotations

import json as json_text
import sys
from typing import Annotated, Literal

import typer

from hardtack.cli.arguments import Attached, hosts
from hardtack.printable import printable


def protect(
    host: Annotated[
        str | None, typer.Argument(metavar="NAME", help="The host. Without: list all such hosts.", autocompletion=hosts)
    ] = None,
    to: Annotated[
        Literal["on", "off", "auto"] | None,
        typer.Argument(metavar="on|off|auto", help="on: always protected; off: SYNs pass; auto: the front decides."),
    ] = None,
    interface: Attached = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object for each front.")] = False,
) -> int:
    """Override the protection of a host with protect_when = "under-attack", or list such hosts.

    auto, the default: the front decides. on and off override it until auto is set again, even across restarts and reloads.
    Known connections are not affected. Needs root, and to override, a running front. Exit status 1: there is no such host,
    it cannot be switched, or no front is running.

    Example: hardtack protect web on
    """
    from hardtack.control.attacks.asking import listed, switched

    if (host is None) != (to is None):
        raise typer.BadParameter("write both, as hardtack protect web on, or neither, to list all hosts", param_hint="NAME")
    answers = [*listed(interface)] if host is None or to is None else [*switched(host, to, interface)]
    if json:
        for answer in answers:
            typer.echo(json_text.dumps(answer))
        return int(any(answer["problems"] for answer in answers))
    from hardtack.cli.attacks import line

    for answer in answers:
        for name, one in answer["hosts"].items():
            print(printable(f"{answer['interface']}: {line(name, one)}"))
        for problem in answer["problems"]:
            print(printable(f"hardtack: {answer['interface']}: {problem}"), file=sys.stderr)
    return int(any(answer["problems"] for answer in answers))
