"""Taking off what goes on without a process: programs, tables, and the files that tell of them."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path

from hardtack.agent.hold import held
from hardtack.kernel import bpf, pins
from hardtack.kernel.pins import LINK, Folder, Role
from hardtack.mistake import Mistake

ROLES: tuple[Role, ...] = ("front", "agent")  # in this order: no more cookies, then nobody who knows them


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
        return [removed(folder) for folder in chosen]


def removed(folder: Folder) -> str:
    """Remove a folder; what it held, in a line."""
    names = folder.remove()
    links = [name.removeprefix(LINK).replace(":", ".") for name in names if name.startswith(LINK)]
    programs = ", ".join(links) or "none"
    return f"{folder.interface}: {folder.role} detached; programs: {programs}; tables: {len(names) - len(links)}"
