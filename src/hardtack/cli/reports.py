"""What `hardtack report` finds and prints: apart from the command, which others do not wait for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hardtack.cli.screen import in_columns
from hardtack.control.pinned import Interfaces
from hardtack.control.report import shelf
from hardtack.control.report.page import amount, lasting, page
from hardtack.control.report.shelf import NoReport
from hardtack.printable import printable

Facts = dict[str, Any]


def now(host: str | None, interface: Interfaces) -> tuple[list[Facts], list[str]]:
    """Reports so far, of all fronts that have such attacks; or what they say instead. NothingHere, NobodyAnswers."""
    from hardtack.control.asking import ask
    from hardtack.control.pinned import fronts

    found, problems = list[Facts](), list[str]()
    for folder in fronts(interface):
        answer = ask(folder, "report", **({"host": host} if host else {}))
        found += answer["reports"]
        problems += [f"{folder.interface}: {problem}" for problem in answer["problems"]]
    return found, [] if found else problems


def kept(host: str | None, only_last: bool) -> list[Facts]:
    """Those on the shelf, oldest first. NoReport."""
    folder, found = shelf.usual_folder(), list[Facts]()
    for path in reversed(shelf.kept(folder)):
        facts = shelf.read(path)
        if host in (None, facts.get("host")):
            found.append({"file": path.name, **facts})
            if only_last:
                break
    if not found:
        whose = f' on host "{host}"' if host else ""
        when = "a front writes one when an attack has ended; during an attack: hardtack report --now"
        raise NoReport(f"no report{whose} in {folder}: {when}")
    return found[::-1]


def named(file: Path) -> Path:
    """A name without folders is one of --list."""
    return file if file.parts[1:] or file.exists() else shelf.usual_folder() / file


def text(facts: Facts) -> str:
    """The page; NoReport for what is none."""
    try:
        return page(facts)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NoReport(f"{facts.get('file', 'this file')}: not a report, or damaged") from error


def listed(found: Sequence[Facts]) -> Iterator[str]:
    """A line for each."""
    rows = []
    for one in found:
        try:
            best = one["rules"][0]["rule"] if one["rules"] else "-"
            traffic = f"{amount(one['traffic']['frames'])}frames"
            rows.append([one["file"], one["host"], one["began"], lasting(one["seconds"]), traffic, best])
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            rows.append([str(one.get("file")), "damaged", "", "", "", ""])
    cells = [[printable(str(cell)) for cell in row] for row in rows]
    return in_columns(("file", "host", "began", "for", "attack", "first rule"), cells)
