"""What is kept from one reading of a configuration to the next: what has not changed is not read, parsed or checked again.

A file whose state (`state_of`) is the one that it was read in holds what it held then; how files are, whoever begins a
reading says. A state of just now is not trusted: a file may change again and look the same, as clocks go by ticks. Two
readings are remembered, this one and the one before; so memory is bounded as they are.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

from hardtack.control.configuration.document import Source
from hardtack.control.configuration.schema import Host
from hardtack.control.networks.prefixes import Content

State = tuple[int | bytes, ...]
Tables = dict[str, Any]
Parts = Mapping[str, Tables]
Key = TypeVar("Key")
Value = TypeVar("Value")


JUST_NOW = 50_000_000  # ns: longer than any tick, 10 ms with CONFIG_HZ_100


def state_of(found: os.stat_result) -> State:
    """What is another one when somebody has changed a file, or put something into a folder."""
    times = found.st_mtime_ns, found.st_ctime_ns
    return found.st_dev, found.st_ino, found.st_mode, found.st_uid, found.st_size, *times


def is_young(found: os.stat_result) -> bool:
    """Whether it has changed just now; a change after this moment might not show."""
    return max(found.st_mtime_ns, found.st_ctime_ns) > time.time_ns() - JUST_NOW


def lasting_state(path: Path) -> State:
    """How a file is now; nothing if that would not tell later whether it has changed."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return ()
    return () if is_young(found) else state_of(found)


class Twice(Generic[Key, Value]):
    """What this reading has made or used, and the one before."""

    def __init__(self) -> None:
        self._now: dict[Key, Value] = {}
        self._before: dict[Key, Value] = {}

    def turn(self) -> None:
        """Another reading begins."""
        self._before, self._now = self._now, {}

    def get(self, key: Key) -> Value | None:
        """Whatever is known; it stays so for the next reading."""
        if (found := self._before.get(key)) is not None:
            self._now[key] = found
            return found
        return self._now.get(key)

    def put(self, key: Key, value: Value) -> None:
        """Something new."""
        self._now[key] = value


@dataclass(frozen=True)
class Taken:
    """A file of the configuration, as it was in a state. `parts`: of its text, and what each means; `size`: bytes."""

    state: State
    source: Source
    tables: Tables
    parts: Parts
    size: int


@dataclass
class Remembered:
    """All of it. `states`: of files as they are now; of others nothing is used."""

    states: Mapping[Path, State] = field(default_factory=dict)
    _files: Twice[Path, Taken] = field(default_factory=Twice)
    _lists: Twice[Path, tuple[State, Content]] = field(default_factory=Twice)
    _hosts: Twice[int, tuple[Tables, Path, Host]] = field(default_factory=Twice)  # by id() of the table
    _paths: Twice[str, Path] = field(default_factory=Twice)

    def forget(self) -> None:
        """All of it."""
        self.begin({})
        self.begin({})

    def begin(self, states: Mapping[Path, State]) -> None:
        """Another reading, of files that are so."""
        self.states = states
        for one in (self._files, self._lists, self._hosts, self._paths):
            one.turn()

    def file(self, path: Path) -> Taken | None:
        """What is in a file of the configuration, if it is known."""
        found = self._files.get(path)
        return found if found and found.state == self.states.get(path) else None

    def keep_file(self, taken: Taken) -> None:
        """A file that has been read since it was in that state, and is TOML; without a state it is read again."""
        self._files.put(taken.source.path, taken)

    def prefixes(self, path: Path) -> Content | None:
        """What is in a file of prefixes, if it is known."""
        found = self._lists.get(path)
        return found[1] if found and found[0] == self.states.get(path) else None

    def keep_prefixes(self, path: Path, state: State, content: Content) -> None:
        """A file of prefixes, likewise."""
        self._lists.put(path, (state, content))

    def parts(self, path: Path) -> Parts:
        """Parts of a file's text as it was, however it is now."""
        found = self._files.get(path)
        return found.parts if found else {}

    def host(self, table: Tables, folder: Path) -> Host | None:
        """The host that a table describes, if it has been checked."""
        found = self._hosts.get(id(table))
        return found[2] if found and found[0] is table and found[1] == folder else None

    def keep_host(self, table: Tables, folder: Path, host: Host) -> None:
        """A host's table that has been checked; it stays as it is."""
        self._hosts.put(id(table), (table, folder, host))

    def path(self, text: str) -> Path:
        """A path: always the same object, which knows its hash."""
        if (found := self._paths.get(text)) is None:
            self._paths.put(text, found := Path(text))
        return found
