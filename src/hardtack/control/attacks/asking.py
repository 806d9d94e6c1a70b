"""`hardtack protect`, from outside: which fronts have a host, and what they say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hardtack.control.asking import ask
from hardtack.control.attacks.asked import done
from hardtack.control.attacks.entry import Override, attacks_in
from hardtack.control.pinned import Interfaces, Tables, fronts
from hardtack.mistake import Mistake


class NoSuchHost(Mistake):
    """No front here has it."""

    status = 1


def listed(interface: Interfaces) -> Iterator[dict[str, Any]]:
    """Each front's hosts that can be switched, by what is pinned: no process is needed. NothingHere."""
    for folder in fronts(interface):
        with Tables(folder) as tables:
            told = {name: one for name, one in attacks_in(tables).items() if one.when == "under-attack"}
            yield {"interface": folder.interface, **done("unchanged", told)}


def switched(name: str, to: Override, interface: Interfaces) -> Iterator[dict[str, Any]]:
    """What each front that has the host answers. NothingHere, NoSuchHost, NobodyAnswers."""
    found, others = [], set[str]()
    for folder in fronts(interface):
        with Tables(folder) as tables:
            names = {*tables.hosts()} - tables.gone() - {""}
        others |= names
        if name in names:
            found.append(folder)
    if not found:
        some = ", ".join(sorted(others)[:20])
        raise NoSuchHost(f'no host "{name}" here; there are {some}{" and more" if len(others) > 20 else ""}')
    for folder in found:
        yield ask(folder, "protect", host=name, set=to)
