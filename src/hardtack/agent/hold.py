"""One process for each interface and role, and the files under /run that say which."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hardtack.agent import record
from hardtack.kernel import lock
from hardtack.kernel.lock import Busy, Lock
from hardtack.kernel.pins import Folder
from hardtack.mistake import Mistake

NAMES = {"front": "a front", "agent": "an agent"}


class AtWork(Mistake):
    """Another process has this interface."""

    status = 1


def lock_path(folder: Folder) -> Path:
    """The file that the process at work on this interface holds locked."""
    return lock.FOLDER / f"{folder.role}-{folder.namespace}-{folder.interface}.lock"


@contextmanager
def held(folder: Folder) -> Iterator[None]:
    """Nobody else of this role starts on this interface, or removes what is pinned there, meanwhile. AtWork.

    Where nothing is pinned in the end, no file stays under /run either.
    """
    try:
        holding = Lock(lock_path(folder))
    except Busy as busy:
        who = f"process {busy.pid}" if busy.pid else "a process that cannot be seen from here"
        end = f"kill {busy.pid}" if busy.pid else f"fuser -v {lock_path(folder)} tells which"
        raise AtWork(f"{NAMES[folder.role]} is at work on {folder.interface}, {who}; end it first: {end}") from None
    with holding:
        try:
            yield
        finally:
            with suppress(PermissionError):  # whoever may not look any more has pinned something there before
                if not folder.path.exists():
                    forget(folder)


def forget(folder: Folder) -> None:
    """Remove the files under /run of an interface where nothing is pinned any more."""
    record.remove(record.place(folder.role, folder.namespace, folder.interface))
    lock_path(folder).unlink(missing_ok=True)
