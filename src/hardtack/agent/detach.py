"""Taking off what goes on without a process: programs, tables, and the files that tell of them."""

from __future__ import annotations

import time
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path

from hardtack.agent import round_lo
from hardtack.agent.hold import held
from hardtack.kernel import bpf, pins
from hardtack.kernel.pins import Folder, Role
from hardtack.mistake import Mistake

ROLES: tuple[Role, ...] = ("front", "agent")
UNDER_WAY = 1.0  # s that the last cookies have to come back: without the agent the kernel would reset their connections


class NotDetached(Mistake):
    """There is nothing to detach, or we may not."""

    status = 1


def detach(
    wanted: Collection[str] = (), roles: Collection[Role] = ROLES, root: Path = pins.ROOT, every: bool = True
) -> list[str]:
    """Remove what is pinned for these interfaces of this network namespace, or for all; a line on each.

    Whoever is on several goes as a whole: its programs have one set of tables.
    Nothing at all is removed while a process is at work on one of them: AtWork. NotDetached for an interface without any;
    unless `every` one must have some, only if all are.
    """
    if not bpf.privileged():
        raise NotDetached(f"detaching programs from an interface: {bpf.PRIVILEGES}")
    there = [folder for role in ROLES if role in roles for folder in pins.here(role, root)]
    known_here = {interface for folder in there for interface in folder.interfaces}
    missing = sorted(set(wanted) - known_here)
    if missing and (every or len(missing) == len(set(wanted))):
        known = ", ".join(sorted(known_here))
        elsewhere = f"only to {known}" if known else "nor to any other interface in this network namespace"
        raise NotDetached(f"hardtack is not attached to {', '.join(missing)}, {elsewhere}")
    chosen = [folder for folder in there if not wanted or not set(wanted).isdisjoint(folder.interfaces)]
    with ExitStack() as locks:
        for folder in chosen:
            locks.enter_context(held(folder))
        lines = [told(folder) for folder in chosen]
        if stop_answering(chosen):
            time.sleep(UNDER_WAY)
        for folder in chosen:
            interfaces = folder.interfaces
            folder.remove()
            for interface in interfaces:
                round_lo.remove(interface)
    return lines


def stop_answering(chosen: Collection[Folder]) -> bool:
    """Take off all but those who know cookies. Whether clients may be about to bring one back to them."""
    fronts = [folder for folder in chosen if programs(folder, "front")]
    for folder in fronts:
        folder.keep([path for paths in folder.tables().values() for path in paths], programs(folder, "agent"))
    return bool(fronts) and any(programs(folder, "agent") for folder in chosen)


def programs(folder: Folder, which: str) -> list[str]:
    """Links that hold this program to interfaces."""
    return [link for link in folder.links() if pins.parted(link)[0] == which]


def told(folder: Folder) -> str:
    """What it holds, and that it is gone: a line."""
    links = ", ".join(sorted(folder.links())) or "none"
    tables = sum(map(len, folder.tables().values()))
    return f"{', '.join(folder.interfaces)}: {folder.role} detached; programs: {links}; tables: {tables}"
