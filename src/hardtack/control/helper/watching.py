"""Whether files and folders have changed since they were read: watchfiles says when to look, `stat` what is.

Folders are watched, not files: editors write another file and rename it, or move the old one away first. Symbolic links
are followed as far as they go, each in its folder. Every now and then is looked without being told, as news may get lost.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

QUIET = 20  # ms without another change: then somebody is done saving
LONGEST = 200  # ms that changes one after another are waited for
LOOK_AGAIN = 5_000  # ms, should news have been missed
RETRY = 1.0  # s, where nothing can be watched
MOST_LINKS = 40  # as Linux follows: MAXSYMLINKS

HOW: dict[str, Any] = {
    "watch_filter": None,
    "debounce": LONGEST,
    "step": QUIET,
    "rust_timeout": LOOK_AGAIN,
    "yield_on_timeout": True,
    "recursive": False,
    "ignore_permission_denied": True,
}

State = tuple[int, ...]


class Watching:
    """Looks after files. `fileno` becomes readable when something happens near them; that may mean nothing."""

    def __init__(self) -> None:
        self._bell, self._wire = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._files: tuple[Path, ...] = ()
        self._known: dict[Path, State] = {}
        self._folders: dict[Path, State] = {}
        self._again = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="watch", daemon=True)

    def fileno(self) -> int:
        """Readable when `changed` is worth asking."""
        return self._bell

    def look_after(self, files: Collection[Path]) -> None:
        """These, as they are now; of folders, who is in them."""
        self._known = states(files, contents_of)
        self.keep_to(files)
        if not self._thread.is_alive():
            self._thread.start()

    def keep_to(self, files: Collection[Path]) -> None:
        """Of those, only these, as they were then."""
        self._files = tuple(files)
        self._known = {file: state for file, state in self._known.items() if file in files}
        self._follow_folders()

    def changed(self) -> bool:
        """Whether any of them is another one now, has come or gone."""
        while True:
            try:
                os.read(self._bell, 4096)
            except BlockingIOError:
                break
        self._follow_folders()
        return states(self._files, contents_of) != self._known

    def changed_since(self, moment: int) -> bool:
        """Whether any of them, as it is known, is newer than that, unix time in ns, or has gone."""
        return len(self._known) < len(self._files) or any(state[-1] > moment for state in self._known.values())

    def _follow_folders(self) -> None:
        """Folders come, go, and are made anew under their names."""
        folders = states({folder for file in self._files for folder in folders_of(file)}, identity_of)
        if folders != self._folders:
            self._folders = folders
            self._again.set()

    def _listen(self) -> None:
        """The thread's: has the bell rung."""
        from watchfiles import watch  # takes a moment, which nobody should wait for

        while True:
            self._again.clear()
            try:
                for _ in watch(*self._folders, stop_event=self._again, **HOW):
                    self._ring()
            except OSError:
                self._again.wait(RETRY)
            self._ring()

    def _ring(self) -> None:
        try:
            os.write(self._wire, b"!")
        except BlockingIOError:
            return  # it rings already


def states(paths: Collection[Path], of: Callable[[os.stat_result], State]) -> dict[Path, State]:
    """Those of all that can be seen."""
    found = {}
    for path in paths:
        with suppress(OSError):
            found[path] = of(path.stat())
    return found


def identity_of(found: os.stat_result) -> State:
    """What tells a folder from the one that was there before."""
    return found.st_dev, found.st_ino


def contents_of(found: os.stat_result) -> State:
    """What is another one when somebody has changed a file, or put something into a folder; the last says when."""
    return *identity_of(found), found.st_mode, found.st_uid, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def folders_of(file: Path) -> Iterator[Path]:
    """Where a change of this name would show: its folder, those of what it links to; else the next above that is there."""
    if file.is_dir():
        yield file
    for _ in range(MOST_LINKS):
        folder = file.parent
        while not folder.is_dir() and folder != folder.parent:
            folder = folder.parent
        yield folder
        if not file.is_symlink():
            return
        file = folder / file.readlink()


def being_written(path: Path) -> bool:
    """Whether somebody has it open to write to it: then half of it may be there. A lease is not granted then: fcntl(2).

    Only of files that are ours, and where the file system knows leases; else nobody is seen.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(fd)
    return False
