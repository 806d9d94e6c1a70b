"""Where doctor looks for what stands in the way: where it matters, so that what it says is worth reading."""

from __future__ import annotations

from collections.abc import Iterator

from hardtack.diagnosis.finding import Role, Site
from hardtack.kernel import interfaces, pins
from hardtack.kernel.interfaces import Interface
from hardtack.kernel.pins import Folder

ROLES: tuple[Role, ...] = ("front", "agent")


def sites(seen: list[Interface], named: bool) -> list[Site]:
    """What is at work on these interfaces. Where nothing is, either role: on all that somebody has `named`; else, unless
    something is at work here at all, on those that have an address, for containers' and the like are many.
    """
    names = [interface.name for interface in seen]
    working = [site for site in at_work() if site.interface in names]
    others = [name for name in names if name not in {site.interface for site in working}]
    if named:
        return working + [Site(role, name) for name in others for role in ROLES]
    if working:
        return working
    addressed = interfaces.addressed()
    return [Site(role, name, supposed=True) for name in others if name in addressed for role in ROLES]


def at_work() -> Iterator[Site]:
    """All that is pinned in this network namespace, as far as this user may look."""
    try:
        folders = [folder for role in ("front", "agent") for folder in pins.here(role)]
        for folder in folders:
            yield from of_folder(folder)
    except PermissionError:
        return


def of_folder(folder: Folder) -> Iterator[Site]:
    """By the names of its links."""
    for name in sorted(folder.links()):
        program, interface = pins.parted(name)
        if program == "inside":
            yield Site("inside", interface)
        elif program == "front":
            yield Site("front", interface)
        elif program == "agent" and interface in folder.interfaces:
            yield Site("agent", interface)
