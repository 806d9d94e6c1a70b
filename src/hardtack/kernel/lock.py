"""One process for each interface: a file that the process holds locked for as long as it lives, however it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from hardtack.mistake import Mistake

FOLDER = Path("/run/hardtack")


class Busy(Mistake):
    """Somebody else holds it. `pid` is that process, as it wrote down itself; 0 if it has not yet."""

    status = 1

    def __init__(self, path: Path, pid: int) -> None:
        super().__init__(f"{path}: locked by process {pid or 'that is just starting'}")
        self.pid = pid


class Lock:
    """Held from the beginning. Busy if somebody else holds it; Mistake where it cannot be made."""

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            self._fd = taken(path)
        except OSError as error:
            raise Mistake(f"{path}: cannot take this lock: {error.strerror}; run as root") from error
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, b"%d\n" % os.getpid(), 0)

    def close(self) -> None:
        """Let go."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def taken(path: Path) -> int:
    """A descriptor that holds the lock on the file that is at `path` now. OSError, Busy."""
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and os.path.samestat(os.fstat(fd), path.stat()):
                return fd
        except BlockingIOError:
            holder = os.pread(fd, 20, 0).strip()
            os.close(fd)
            raise Busy(path, int(holder) if holder.isdigit() else 0) from None
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)  # it was removed while we waited our turn: once more, with the one that is there now
