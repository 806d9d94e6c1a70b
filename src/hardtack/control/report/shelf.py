"""Where reports are kept: a folder, opened while the front is root, in which its heir may write. Standard library only.

Only root and the front's own group get in: the folder stays root's, because giving it away would take CAP_CHOWN.
"""

from __future__ import annotations

import json
import os
import re
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from hardtack.kernel import privileges
from hardtack.mistake import Mistake

STATE, USUAL_STATE = "STATE_DIRECTORY", "/var/lib/hardtack"  # systemd.exec(5), StateDirectory=
MOST = 100  # reports
LARGEST = 256 << 10  # bytes of a file
NAME = re.compile(r"[0-9]{8}T[0-9]{6}Z-[\w.-]{1,64}(?:-[0-9]+)?\.json", re.ASCII)
UNFIT = re.compile(r"[^\w.-]", re.ASCII)
NO_LINK = os.O_NOFOLLOW | os.O_CLOEXEC


class NoReport(Mistake):
    """There is none, or it cannot be read."""

    status = 1


def usual_folder() -> Path:
    """As systemd says, else /var/lib/hardtack/reports."""
    state = os.environ.get(STATE, "").partition(":")[0] or USUAL_STATE
    return Path(state) / "reports"


class Shelf:
    """The front's end. OSError if there cannot be such a folder."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(0o755, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            path.mkdir(0o700)
        self.path, self.fd = path, os.open(path, os.O_RDONLY | os.O_DIRECTORY | NO_LINK)
        if os.geteuid() == 0:
            give(self.fd)

    def put(self, host: str, now: float, facts: dict[str, Any], text: str) -> str:
        """The path of the page; beside it is the same as JSON. The oldest reports go. OSError."""
        stem = self._free(f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(now))}-{UNFIT.sub('_', host)[:60]}")
        for suffix, content in ((".txt", text), (".json", json.dumps(facts, indent=1) + "\n")):
            draft = f".{stem}{suffix}"
            fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | NO_LINK, 0o600, dir_fd=self.fd)
            with os.fdopen(fd, "w") as file:
                file.write(content[:LARGEST])
            os.rename(draft, f"{stem}{suffix}", src_dir_fd=self.fd, dst_dir_fd=self.fd)
        self._clear()
        return str(self.path / f"{stem}.txt")

    def close(self) -> None:
        """Let go of it."""
        os.close(self.fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _free(self, stem: str) -> str:
        there = {entry.name for entry in os.scandir(self.fd)}
        names = [stem, *(f"{stem}-{number}" for number in range(2, MOST + 3))]
        return next(name for name in names if f"{name}.json" not in there)

    def _clear(self) -> None:
        """Keep the newest, and no drafts that somebody was killed over."""
        names = sorted(entry.name for entry in os.scandir(self.fd))
        stems = [name.removesuffix(".json") for name in names if NAME.fullmatch(name)]
        gone = [f"{stem}{suffix}" for stem in stems[:-MOST] for suffix in (".json", ".txt")]
        for name in (*gone, *(name for name in names if name.startswith("."))):
            with suppress(OSError):
                os.unlink(name, dir_fd=self.fd)


def give(fd: int) -> None:
    """Let the user that the front goes on as write in a folder of root's. A file's owner may give it to a group of his."""
    _, group = privileges.heir()
    before = os.getgroups()
    os.setgroups([group])
    try:
        os.fchown(fd, -1, group)
    finally:
        os.setgroups(before)
    os.fchmod(fd, 0o770)


def kept(folder: Path) -> list[Path]:
    """The JSON of all reports there, oldest first. NoReport."""
    try:
        return sorted(path for path in folder.iterdir() if NAME.fullmatch(path.name))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise NoReport(f"{folder}: cannot open this folder: {error.strerror}; run as root") from error


def read(path: Path) -> dict[str, Any]:
    """The facts of a report, by the name of either of its files. NoReport."""
    path = path.with_suffix(".json") if path.suffix == ".txt" else path
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | NO_LINK)
        with os.fdopen(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise NoReport(f"{path}: not a regular file; see hardtack report --list")
            facts = json.loads(file.read(LARGEST + 1))
    except OSError as error:
        hint = "; see hardtack report --list" if isinstance(error, FileNotFoundError) else "; run as root"
        raise NoReport(f"{path}: cannot read this report: {error.strerror}{hint}") from error
    except (ValueError, RecursionError) as error:
        raise NoReport(f"{path}: not a report, or damaged: it is not JSON") from error
    if not isinstance(facts, dict) or facts.get("version") != 1:
        raise NoReport(f"{path}: not a report, or one of another version of hardtack")
    return facts
