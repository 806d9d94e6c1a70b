"""One process for each interface: a file that the process holds locked for as long as it lives, however it ends.

Nobody else gets at these files: whoever can open one can lock it, and then no front starts.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from pathlib import Path
from types import TracebackType
from typing import Self

from hardtack.mistake import Mistake

FOLDER = Path("/run/hardtack")
LOCKS = Path("/proc/locks")
FLOCK, HOLDER, PLACE = 1, 4, 5  # of the fields of a line there, behind its number: see proc_locks(5)


class Busy(Mistake):
    """Somebody else holds it. `pid` is the living process that took it; 0 if it cannot be seen from here."""

    status = 1

    def __init__(self, path: Path, pid: int) -> None:
        who = f"process {pid}" if pid else f"a process that is not visible from here; find it with: fuser -v {path}"
        super().__init__(f"{path}: locked by {who}")
        self.pid = pid


class Lock:
    """Held from the beginning. Busy if somebody else holds it; Mistake where it cannot be made."""

    def __init__(self, path: Path) -> None:
        try:
            have_private(path.parent)
            self._fd = taken(path)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise Mistake(f"{path}: a symbolic link instead of a regular file; remove it: rm {path}") from error
            raise Mistake(f"{path}: cannot lock it: {error.strerror}; run as root") from error

    def close(self) -> None:
        """Let go."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def have_private(folder: Path) -> None:
    """This folder is there, this user's, and nobody else gets in. OSError, Mistake."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise Mistake(
            f"{folder}: must be a folder of the user who runs this, but is uid {found.st_uid}'s, or a symbolic link; "
            f"run as that user, or remove it: rm -r {folder}"
        )
    if found.st_mode & 0o077:  # as earlier versions made it
        folder.chmod(0o700)


def taken(path: Path) -> int:
    """A descriptor that holds the lock on the file that is at `path` now. OSError, Busy."""
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            os.fchmod(fd, 0o600)
            lock(fd, path)
            if path.exists() and os.path.samestat(os.fstat(fd), path.stat()):
                return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)  # it was removed while we waited our turn: once more, with the one that is there now


def lock_folder(path: Path) -> int:
    """A descriptor that holds the lock on a folder that is there. OSError, Busy."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        lock(fd, path)
    except BaseException:
        os.close(fd)
        raise
    return fd


def lock(fd: int, path: Path) -> None:
    """Lock what this descriptor of `path` is of. Busy."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Busy(path, holder(fd)) from None


def holder(fd: int) -> int:
    """The process that locked this file, as the kernel knows it, so never a dead one; 0 if it is not seen from here."""
    return holder_of(os.fstat(fd))


def holder_of(file: os.stat_result) -> int:
    """Likewise, of a file that is as stat(2) has said."""
    place = f"{os.major(file.st_dev):02x}:{os.minor(file.st_dev):02x}:{file.st_ino}"
    for line in LOCKS.read_text(encoding="ascii").splitlines():
        fields = line.split()
        if fields[1] != "->" and (fields[FLOCK], fields[PLACE]) == ("FLOCK", place):  # "->": it only waits
            return int(fields[HOLDER])
    return 0
