"""What `hardtack doctor` tells: apart from the command, so that no other command waits for what only this one needs."""

from __future__ import annotations

import platform
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from hardtack.cli.screen import folding, table_of
from hardtack.cli.sites import sites
from hardtack.control.adoption import left_behind
from hardtack.diagnosis.before import before
from hardtack.diagnosis.finding import Finding
from hardtack.diagnosis.looks import LOOKS, findings
from hardtack.kernel import features, interfaces
from hardtack.kernel.features import Feature, Purpose
from hardtack.kernel.interfaces import Interface, InterfaceError

PURPOSES: tuple[Purpose, ...] = ("front", "leaving", "agent", "lab")
LABELS = {
    "front": "a front",
    "leaving": 'a front without `inside`, or with via = "local"',
    "agent": "an agent",
    "lab": "demo and bench",
}
MARKS = {True: "[green]yes[/]", False: "[red]no[/]", None: "[yellow]not known[/]"}


def look(names: list[str]) -> tuple[list[Interface], list[str]]:
    """What is known of each interface, and a complaint for each that is not there."""
    seen, unknown = [], []
    for name in names:
        try:
            seen.append(interfaces.find(name))
        except InterfaceError as error:
            unknown.append(str(error))
    return seen, unknown


def diagnose(seen: list[Interface], named: bool) -> list[Finding]:
    """What stands in the way of a front or an agent on these interfaces, each thing once. `named`: somebody has."""
    looks = (*LOOKS, before)
    found = [finding for site in sites(seen, named) for finding in findings(site, looks)]
    return list(dict.fromkeys([*found, *left_behind()]))


def report(found: list[Feature], seen: list[Interface], findings: list[Finding], unknown: list[str]) -> dict[str, Any]:
    """All of it as plain data; its keys are a contract."""
    return {
        "kernel": platform.release(),
        "machine": platform.machine(),
        "enough_for": {purpose: features.enough(found, purpose) for purpose in PURPOSES},
        "features": [asdict(feature) for feature in found],
        "interfaces": [asdict(interface) for interface in seen],
        "findings": [asdict(finding) for finding in findings],
        "errors": unknown,
    }


def show(console: Console, found: list[Feature], seen: list[Interface], findings: list[Finding], unknown: list[str]) -> None:
    """All of it for people; rich leaves colour out where there is no terminal, or NO_COLOR is set."""
    console.print(f"Linux {platform.release()} on {platform.machine()}\n")
    console.print(folding(feature_table(found), console))
    if seen:
        console.print(folding(interface_table(seen), console))
    for finding in findings:
        colour = "red" if finding.fatal else "yellow"
        console.print(f"[{colour}]{escape(finding.name)}[/]: {escape(str(finding))}", soft_wrap=True)
    for error in unknown:
        console.print(f"[red]{escape(error)}[/]", soft_wrap=True)
    for purpose in PURPOSES:
        lacks = ", ".join(feature.name for feature in features.missing(found, purpose))
        verdict = f"[red]no[/]: lacks {lacks}" if lacks else "[green]yes[/]"
        console.print(f"Supports {LABELS[purpose]}: {verdict}", soft_wrap=True)


def feature_table(found: list[Feature]) -> Table:
    """One row a feature; the remedy only where it is wanted."""
    table = table_of("feature", "here", "needed for", "what to do")
    for feature in found:
        remedy = "" if feature.present else feature.remedy
        if feature.found:
            remedy = f"{feature.found}; {remedy}"
        table.add_row(feature.name, MARKS[feature.present], feature.needed_for, remedy)
    return table


def interface_table(seen: list[Interface]) -> Table:
    """One row an interface: how an XDP program would run there."""
    table = table_of("\ninterface", "\ndriver", "\nMTU", "\nXDP", "\nattached now")
    for interface in seen:
        now = f"program {interface.program} ({interface.attached})" if interface.attached else "nothing"
        table.add_row(interface.name, interface.driver or "none", str(interface.mtu), mode(interface), now)
    return table


def mode(interface: Interface) -> str:
    """Where an XDP program would run."""
    if not interface.ethernet:
        return "[yellow]none[/], tcx instead: its frames have no Ethernet header"
    if interface.driver_mode is None:
        return "[yellow]not known[/]: this kernel does not report it; driver mode is tried first"
    if not interface.driver_mode:
        return "[yellow]generic mode[/] only, slow: the driver has no native XDP support"
    if interface.answers_lost:
        return f"[yellow]generic mode[/] for a front, slow: {interface.answers_lost}"
    return "[green]driver mode[/]" if interface.redirect else "[green]driver mode[/], without redirect"
