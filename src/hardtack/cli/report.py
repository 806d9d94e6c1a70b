"""`hardtack report`: what attacks looked like, and which rules would have dropped them."""

from __future__ import annotations

import json as json_text
import sys
from pathlib import Path
from typing import Annotated

import typer

from hardtack.cli.arguments import Attached
from hardtack.printable import printable


def report(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="A report's file, or its name in --list. Default: the latest.")
    ] = None,
    host: Annotated[str | None, typer.Option(metavar="NAME", help="Only reports on this host.")] = None,
    now: Annotated[bool, typer.Option("--now", help="Report on current attacks; needs a running front.")] = False,
    list_: Annotated[bool, typer.Option("--list", help="List the reports that are kept.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON: an object for each report, on a line.")] = False,
    interface: Attached = None,
) -> int:
    """Print the report on an attack: when, how much, from where, its typical features, and rules that would drop it.

    A front writes one when an attack on a host has ended, and keeps the last 100 in /var/lib/hardtack/reports. The rules are
    proposals, each with the share of attack and of ordinary traffic that it matches, measured on sampled frames; nothing
    is changed. --interface is for --now. Needs root.

    Exit status 1: there is no such report, or with --now no host under attack, or no process.

    Example: hardtack report --host web
    """
    from hardtack.cli import reports
    from hardtack.control.report import shelf

    if now and (file or list_):
        raise typer.BadParameter("reports on current attacks: not together with FILE or --list", param_hint="--now")
    if file and (host or list_):
        raise typer.BadParameter("names one report: not together with --host or --list", param_hint="FILE")
    problems = list[str]()
    if now:
        found, problems = reports.now(host, interface)
    elif file:
        found = [shelf.read(reports.named(file))]
    else:
        found = reports.kept(host, only_last=not list_)
    for problem in problems:
        print(printable(f"hardtack: {problem}"), file=sys.stderr)
    if json:
        print("\n".join(json_text.dumps(one) for one in found))
    elif list_:
        print("\n".join(reports.listed(found)))
    else:
        print("\n".join(map(reports.text, found)), end="")
    return int(not found)
