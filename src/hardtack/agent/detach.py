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
AGENT = ("agent", "agent-lo")  # the links' names, in its own folder and in a local front's
UNDER_WAY = 1.0  # s that the last cookies have to come back: without the agent the kernel would reset their connections


class NotDetached(Mistake):
    """There is nothing to detach, or we may not."""

    status = 1


def detach(wanted: Collection[str] = (), roles: Collection[Role] = ROLES, root: Path = pins.ROOT) -> list[str]:
    """Remove what is pinned for these interfaces of this network namespace, or for all; a line on each.

    Nothing at all is removed while a process is at work on one of them: AtWork. NotDetached for an interface without any.
    """
    if not bpf.privileged():
        raise NotDetached(f"programs are to be taken off a network interface: {bpf.PRIVILEGES}")
    there = [folder for role in ROLES if role in roles for folder in pins.here(role, root)]
    if missing := sorted(set(wanted) - {folder.interface for folder in there}):
        known = ", ".join(sorted({folder.interface for folder in there}))
        elsewhere = f"only to {known}" if known else "nor anywhere else in this network namespace"
        raise NotDetached(f"hardtack is not attached to {', '.join(missing)}, {elsewhere}")
    chosen = [folder for folder in there if not wanted or folder.interface in wanted]
    with ExitStack() as locks:
        for folder in chosen:
            locks.enter_context(held(folder))
        lines = [told(folder) for folder in chosen]
        if stop_answering(chosen):
            time.sleep(UNDER_WAY)
        for folder in chosen:
            folder.remove()
            round_lo.remove(folder.interface)
    return lines


def stop_answering(chosen: Collection[Folder]) -> bool:
    """Take off all but those who know cookies. Whether clients may be about to bring one back to them."""
    fronts = [folder for folder in chosen if "front" in folder.links()]
    for folder in fronts:
        folder.keep([path for paths in folder.tables().values() for path in paths], AGENT)
    return bool(fronts) and any(folder.links().keys() & set(AGENT) for folder in chosen)


def told(folder: Folder) -> str:
    """What it holds, and that it is gone: a line."""
    programs = ", ".join(sorted(folder.links())) or "none"
    tables = sum(map(len, folder.tables().values()))
    return f"{folder.interface}: {folder.role} detached; programs: {programs}; tables: {tables}"
