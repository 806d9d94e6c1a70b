"""`hardtack reload`."""

from __future__ import annotations

import json as json_text
import sys
from typing import Annotated, Any

import typer

from hardtack.cli.arguments import Attached
from hardtack.printable import printable

GOOD = ("changed", "unchanged", "different")


def reload(
    interface: Attached = None,
    diff: Annotated[bool, typer.Option("--diff", help="Only print what would change.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object for each front.")] = False,
) -> int:
    """Reload the configuration of the running fronts, and print what has changed, or what is wrong.

    All or nothing: if something in the file is wrong, or needs a restart, nothing is changed, and the exit status is 1.
    Connections, counters and keys are kept in any case. A front also reloads by itself when a file changes, unless reload =
    "manual", and on SIGHUP. Needs root.

    Example: hardtack reload --diff
    """
    from hardtack.control.asking import ask
    from hardtack.control.pinned import fronts

    status = 0
    for folder in fronts(interface):
        answer = ask(folder, "diff" if diff else "reload")
        if json:
            typer.echo(json_text.dumps(answer))
        else:
            show(answer)
        status = status if answer["outcome"] in GOOD else 1
    return status


def show(answer: dict[str, Any]) -> None:
    """For people: changes on standard output, what is wrong on standard error."""
    heads = {
        "changed": f"reloaded in {answer['seconds'] * 1000:.0f} ms",
        "unchanged": "nothing to do: the configuration is already in force",
        "different": "this would change",
        "refused": "not reloaded: this needs a restart, which loses no connection; nothing was changed",
        "failed": "not reloaded; nothing was changed",
    }
    good = answer["outcome"] in GOOD
    lines = [f"{answer['interface']}: {heads[answer['outcome']]}", *(f"hardtack: {line}" for line in answer["problems"])]
    if answer["text"] and not good:
        lines.append("what would change:")
    lines += [f"  {line}" for line in answer["text"]]
    print(*map(printable, lines), sep="\n", file=sys.stdout if good else sys.stderr)
    for note in answer.get("notes", ()):  # a front of an earlier version has none
        print(f"hardtack: note: {printable(note)}", file=sys.stderr)
