"""Whether files and folders have changed since they were read: watchfiles says when to look, `stat` what is.

Folders are watched, not files: editors write another file and rename it, or move the old one away first. Symbolic links
are followed as far as they go, each in its folder. Only files that were named are looked at, and every now and then all of
them, as news may get lost.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import threading
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from hardtack.control.configuration.files import opened
from hardtack.control.configuration.remembered import State, is_young, state_of

QUIET = 20  # ms without another change: then somebody is done saving
LONGEST = 200  # ms that changes one after another are waited for
LOOK_AGAIN = 5_000  # ms, should news have been missed
RETRY = 1.0  # s, where nothing can be watched
MOST_NAMED = 1000  # files that have changed, before all are looked at
ALL = ""  # in the place of a name
MOST_DIGESTED = 16 << 20  # bytes of a file whose times may not tell
PLAIN = 7  # parts of a state, without what is in the file
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


class Watching:
    """Looks after files, by absolute paths. `fileno` becomes readable when something happens near them, or may have."""

    def __init__(self) -> None:
        self._bell, self._wire = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._files: dict[str, Path] = {}
        self.known: dict[Path, State] = {}  # how they were when `look_after` was called, or `accept`
        self._seen: dict[Path, State] = {}  # when `changed` was
        self._open: set[Path] = set()  # those that are looked at whatever has been named
        self._told: deque[str] = deque()  # what the thread has heard of; ALL: it may have missed something
        self._folders: dict[str, tuple[int, int]] = {}
        self._again = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="watch", daemon=True)

    def fileno(self) -> int:
        """Readable when `changed` is worth asking."""
        return self._bell

    def look_after(self, files: Collection[Path]) -> None:
        """These, as they are now; of folders, who is in them."""
        self._files = {str(file): file for file in files}
        self.known = self._seen = {}
        self._look(self._files.values())
        self.known = self._seen
        if not self._thread.is_alive():
            self._thread.start()

    def look_after_newcomers(self) -> set[Path]:
        """Files in folders that are looked after and have changed: these as well. Which they are."""
        new: dict[str, Path] = {}
        for folder in self.news():
            with suppress(OSError), os.scandir(folder) as entries:
                new |= {entry.path: Path(entry.path) for entry in entries if entry.path not in self._files}
        self._files |= new
        self._look(new.values())
        return {*new.values()}

    def keep_to(self, files: Collection[Path]) -> None:
        """Of those, only these, as they were then."""
        if len(files) != len(self._files):
            self._files = {name: file for name, file in self._files.items() if file in files}
            self._open &= {*files}
            self.known = self._seen = {file: state for file, state in self.known.items() if file in files}

    def changed(self) -> bool:
        """Whether any of them is another one now, has come or gone."""
        with suppress(BlockingIOError):
            while os.read(self._bell, 4096):
                pass
        names = {self._told.popleft() for _ in range(len(self._told))}
        every = ALL in names or not self._folders.keys().isdisjoint(names)
        named = (self._files[name] for name in names if name in self._files)
        self._look(self._files.values() if every else {*named, *self._open, *self.news()})
        return self._seen != self.known

    def news(self) -> list[Path]:
        """Which of them."""
        if self._seen is self.known:
            return []
        there = [file for file, state in self._seen.items() if self.known.get(file) != state]
        return there + [file for file in self.known if file not in self._seen]

    def accept(self) -> None:
        """What `changed` has seen is how they are, and no news any more."""
        was, seen = self.known, self._seen
        certain = {file: plain(seen[file]) for file in self._open if file in seen and seen[file] == was.get(file)}
        self.known = self._seen = seen | certain

    def changed_since(self, moment: int) -> bool:
        """Whether any of them, as it is known, is newer than that, unix time in ns, or has gone."""
        times = (plain(state)[-1] for state in self.known.values())
        return len(self.known) < len(self._files) or any(isinstance(time, int) and time > moment for time in times)

    def _look(self, files: Collection[Path]) -> None:
        """How these are now; and have the thread watch where all are."""
        found, before = {**self._seen}, self.known
        folders = {*self._folders} if len(files) < len(self._files) else set()
        for file in files:
            found.pop(file, None)
            mode = stat.S_IFLNK  # whatever cannot be seen may be one
            with suppress(OSError):
                own = file.lstat()
                mode = own.st_mode
                found[file] = state_now(file, file.stat() if stat.S_ISLNK(mode) else own, before.get(file))
            if stat.S_ISREG(mode):
                folders.add(str(file).rpartition("/")[0] or "/")
            else:
                folders |= {*map(str, folders_of(file))}
            if not stat.S_ISREG(mode) or len(found.get(file, ())) > PLAIN:
                self._open.add(file)
            else:
                self._open.discard(file)
        self._seen = found
        self._follow(folders)

    def _follow(self, names: Iterable[str]) -> None:
        """Folders come, go, and are made anew under their names."""
        folders = {}
        for name in names:
            with suppress(OSError):
                folders[name] = identity_of(Path(name).stat())
        if folders != self._folders:
            self._folders = folders
            self._again.set()

    def _listen(self) -> None:
        """The thread's: has the bell rung."""
        from watchfiles import watch  # takes a moment, which nobody should wait for

        while True:
            self._again.clear()
            try:
                for news in watch(*self._folders, stop_event=self._again, **HOW):
                    self._ring([name for _, name in news] or [ALL])
            except (OSError, RuntimeError, UnicodeError):  # of names that are no UTF-8, of files or of folders
                self._again.wait(RETRY)
            self._ring([ALL])

    def _ring(self, names: list[str]) -> None:
        self._told.extend(names if len(names) + len(self._told) < MOST_NAMED else [ALL])
        with suppress(BlockingIOError):  # it rings already
            os.write(self._wire, b"!")


def state_now(file: Path, found: os.stat_result, before: State | None) -> State:
    """How a file is. If it has changed just now, or had when it was `before`, with what is in it: its times may not tell."""
    state = state_of(found)
    if not is_young(found) and len(before or ()) <= PLAIN:
        return state
    if stat.S_ISDIR(found.st_mode):
        return *state, "\n".join(sorted(one.name for one in file.iterdir())).encode(errors="surrogateescape")
    if not stat.S_ISREG(found.st_mode) or found.st_size > MOST_DIGESTED:
        return state
    with open(file, "rb", opener=opened) as content:
        return *state, hashlib.blake2b(content.read(MOST_DIGESTED)).digest()


def plain(state: State) -> State:
    """Without what is in it; the last says when it has changed."""
    return state[:PLAIN]


def identity_of(found: os.stat_result) -> tuple[int, int]:
    """What tells a folder from the one that was there before."""
    return found.st_dev, found.st_ino


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
