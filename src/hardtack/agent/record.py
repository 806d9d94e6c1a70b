"""What a front or an agent leaves to be read about its process: a small file, for `hardtack status`.

Programs and tables outlive the process, and the kernel does not say whose they are. No secrets are in it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from hardtack.kernel.lock import have_private
from hardtack.mistake import Mistake

RUN = Path("/run/hardtack")  # gone after a restart of the machine, as the tables are
STATE, BIRTH = 0, 19  # of the fields in /proc/PID/stat behind the command's name: see proc_pid_stat(5)

Role = Literal["front", "agent"]


class RecordError(Mistake, ValueError):
    """The file is there and no record."""

    status = 1


@dataclass(frozen=True)
class Record:
    """A process, as it started. `birth` is `birth_of(pid)`: a later process of the same number has another."""

    pid: int
    birth: int
    started: float  # unix time in s
    configuration: str  # path; an agent has none: ""
    interfaces: tuple[str, ...]

    @property
    def running(self) -> bool:
        """Whether the process is still there."""
        return birth_of(self.pid) == self.birth != 0


def birth_of(pid: int) -> int:
    """When the process was started, in ticks since boot; 0 if there is none, or only its corpse."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    parts = text.rpartition(")")[2].split()
    return 0 if parts[STATE] in "ZX" else int(parts[BIRTH])


def place(role: Role, namespace: int, interface: str, run: Path = RUN) -> Path:
    """Where the record of the front or agent is whose folder is named by `interface`.

    `namespace`: the inode of its network namespace.
    """
    return run / f"{role}-{namespace}-{interface}.json"


def write(path: Path, interfaces: Iterable[str], configuration: Path | None = None) -> None:
    """Put this process's record at `path` in one step: a reader sees the old one or the new one. OSError, Mistake."""
    pid = os.getpid()
    where = str(configuration.absolute()) if configuration else ""
    own = Record(pid, birth_of(pid), time.time(), where, tuple(interfaces))
    have_private(path.parent)
    draft = path.with_name(f".{path.name}.{pid}")
    try:
        draft.write_text(json.dumps(asdict(own), indent=2) + "\n", encoding="utf-8")
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def read(path: Path) -> Record | None:
    """The record at `path`; None if there is none. RecordError if it is of another make, OSError if it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        told = json.loads(text)
        return Record(**told | {"interfaces": tuple(told["interfaces"])})
    except (ValueError, TypeError, KeyError) as error:
        raise RecordError(f"{path}: not a state file of a front or an agent; remove it: rm {path}") from error


def remove(path: Path) -> None:
    """Take it away, if it is there."""
    with suppress(FileNotFoundError):
        path.unlink()
