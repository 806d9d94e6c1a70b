"""One process for each interface and role, and the files under /run that say which.

Somebody may remove those files. So the process holds the folder locked, too, in which its programs are pinned.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from hardtack.agent import record
from hardtack.agent.unit import ending
from hardtack.kernel import lock, pins
from hardtack.kernel.lock import Busy, Lock
from hardtack.kernel.pins import Folder, Role
from hardtack.mistake import Mistake

NAMES = {"front": "a front", "agent": "an agent"}


class AtWork(Mistake):
    """Another process has this interface."""

    status = 1


def lock_path(folder: Folder) -> Path:
    """The file that the process at work on this folder's interface holds locked: of several, the one it is named by."""
    return lock.FOLDER / f"{folder.role}-{folder.namespace}-{folder.interface}.lock"


def socket_path(folder: Folder) -> Path:
    """The control socket of the process at work on this folder's interface: of a front's."""
    return lock_path(folder).with_suffix(".sock")


class Hold:
    """Nobody else of this role starts on these interfaces, or removes what is pinned there, meanwhile. AtWork.

    Of what nothing is pinned in the end, no file stays under /run either.
    """

    def __init__(self, role: Role, interfaces: Collection[str], root: Path = pins.ROOT) -> None:
        self._role, self._root = role, root
        self._locks: dict[str, Lock] = {}
        self._pinned: dict[tuple[int, int], int] = {}  # folders that are held: device and inode -> descriptor
        try:
            self.take(interfaces)
        except BaseException:
            self.close()
            raise

    def take(self, interfaces: Collection[str]) -> None:
        """Hold these as well. AtWork: some of them may be held then."""
        for interface in interfaces:
            if interface not in self._locks:
                self._locks[interface] = taken(self._folder(interface))
        for folder in pins.on(interfaces, self._role, self._root):
            self.pin(folder)

    def pin(self, folder: Folder) -> None:
        """Hold what is pinned, or is to be, as well. AtWork."""
        found = folder.path.stat()
        if (place := (found.st_dev, found.st_ino)) not in self._pinned:
            try:
                self._pinned[place] = lock.lock_folder(folder.path)
            except Busy as busy:
                raise at_work(folder, busy.pid) from None

    def let_go(self, interfaces: Collection[str]) -> None:
        """Somebody else may have these."""
        for interface in interfaces:
            with suppress(PermissionError):  # whoever may not look any more has pinned something there before
                self._tidy(interface)
            self._locks.pop(interface).close()

    def _tidy(self, interface: str) -> None:
        named = self._folder(interface)
        if not named.path.exists():
            record.remove(record.place(named.role, named.namespace, interface))
            socket_path(named).unlink(missing_ok=True)
            if not pins.on([interface], self._role, self._root):
                lock_path(named).unlink(missing_ok=True)

    def _folder(self, interface: str) -> Folder:
        return pins.folder(self._role, interface, self._root)

    def close(self) -> None:
        """Let go of all."""
        self.let_go([*self._locks])
        while self._pinned:
            os.close(self._pinned.popitem()[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


@contextmanager
def held(folder: Folder) -> Iterator[None]:
    """All interfaces of a folder are held."""
    with Hold(folder.role, folder.interfaces, folder.root):
        yield


def taken(folder: Folder) -> Lock:
    """The lock of the interface that a folder is named by, or would be. AtWork."""
    try:
        return Lock(lock_path(folder))
    except Busy as busy:
        raise at_work(folder, busy.pid) from None


def at_work(folder: Folder, pid: int) -> AtWork:
    """That somebody else has it, and how to end that."""
    who = f"process {pid}" if pid else "a process that is not visible from here"
    end = ending(pid) if pid else f"find it with: fuser -v {lock_path(folder)}"
    return AtWork(f"{NAMES[folder.role]} is running on {folder.interface}, {who}; stop it first: {end}")


def living(folder: Folder) -> int:
    """The process that holds what is pinned there; 0: there is none, or it is not seen from here. Never blocks a start."""
    try:
        return lock.holder_of(folder.path.stat())
    except OSError:
        return 0
