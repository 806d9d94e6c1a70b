"""An agent's metrics in a file, for node_exporter's textfile collector: a host has nothing but Python, and no port to spare.

Each time another file takes the old one's place, so that nobody reads half of one. The process is not root any more then:
its user must be able to write to the folder.
"""

from __future__ import annotations

import logging
import os
import pwd
import time
from collections.abc import Iterator
from pathlib import Path

from hardtack import __version__, journal
from hardtack.agent.families import AGENT_BUILD, AGENT_FRAMES, AGENT_UP, KEYS_EXPIRE, WRITTEN, Family
from hardtack.agent.upkeep import Upkeep
from hardtack.image import ONLY
from hardtack.kernel import privileges
from hardtack.kernel.maps import Map
from hardtack.mistake import Mistake
from hardtack.packet.entries import frames_of
from hardtack.packet.reasons import FRONT_REASONS, Reason

EVERY = 15.0  # s, as often as Prometheus usually asks
SUFFIX = ".prom"  # node_exporter reads no other files
MODE = 0o644

Samples = Iterator[tuple[Family, tuple[str, ...], float]]


class NoTextfile(Mistake):
    """Metrics cannot be written there."""


class Textfile:
    """To be written every second, which it is when it is time. NoTextfile. Made while the process is root."""

    def __init__(self, path: Path, interface: str) -> None:
        self.path, self.interface = path.absolute(), interface
        self._due, self._told = 0.0, ""
        if path.suffix != SUFFIX:
            raise NoTextfile(f"{path}: node_exporter reads files whose names end with {SUFFIX} only; write {path}{SUFFIX}")
        if not self.path.parent.is_dir():
            raise NoTextfile(f"{path}: no such folder; create it: install -d -o {heir()[1]} {self.path.parent}")
        if not writable(self.path.parent):
            folder, name = self.path.parent, heir()[1]
            raise NoTextfile(
                f"{path}: the agent runs as user {name}, which cannot write to {folder}: "
                f"setfacl -m u:{name}:rwx {folder}, or give it a folder: install -d -o {name} FOLDER"
            )

    def begun(self, counters: Map, upkeep: Upkeep) -> Textfile:
        """Itself, with what it is to write."""
        self._counters, self._upkeep = counters, upkeep
        self.write()
        return self

    def write(self) -> None:
        """If it is time. What goes wrong is told once."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + EVERY
        self._put(up=True)

    def _put(self, up: bool) -> None:
        draft = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            draft.write_text(text(self._samples(up)), encoding="utf-8")
            draft.chmod(MODE)  # whatever the umask
            draft.replace(self.path)
            self._told = ""
        except OSError as error:
            if self._told != (why := error.strerror or str(error)):
                self._told = why
                journal.note("metrics-not-written", logging.WARNING, file=self.path, why=why)

    def _samples(self, up: bool) -> Samples:
        name, frames = self.interface, frames_of(self._counters.totals(ONLY))
        yield AGENT_UP, (name,), int(up)
        for reason in Reason:
            if reason >= FRONT_REASONS and reason < len(frames):
                yield AGENT_FRAMES, (name, reason.name), frames[reason]
        if (until := self._upkeep.until) is not None:
            yield KEYS_EXPIRE, (name,), until
        yield AGENT_BUILD, (name, __version__), 1
        yield WRITTEN, (name,), round(time.time(), 3)

    def __enter__(self) -> Textfile:
        return self

    def __exit__(self, *_: object) -> None:
        self._put(up=False)


def text(samples: Samples) -> str:
    """As Prometheus' text format has it; samples of one family in a row."""
    lines, last = [], None
    for family, values, value in samples:
        if family != last:
            lines += [f"# HELP {family.full} {family.help}", f"# TYPE {family.full} {family.kind}"]
            last = family
        labels = ",".join(f'{name}="{escaped(one)}"' for name, one in zip(family.labels, values, strict=True))
        lines.append(f"{family.full}{{{labels}}} {value}")
    return "\n".join(lines) + "\n"


def escaped(value: str) -> str:
    """A label's value."""
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def heir() -> tuple[int, str]:
    """Who this process will be: user id, and what to call it."""
    uid = privileges.heir()[0] if 0 in os.getresuid() else os.geteuid()
    try:
        return uid, pwd.getpwuid(uid).pw_name
    except KeyError:
        return uid, str(uid)


def writable(folder: Path) -> bool:
    """Whether it can, by the kernel's word: a child asks, as that user."""
    if 0 not in os.getresuid():
        return os.access(folder, os.W_OK | os.X_OK)
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    try:
        privileges.drop(0)
        os._exit(not os.access(folder, os.W_OK | os.X_OK))
    finally:
        os._exit(2)
