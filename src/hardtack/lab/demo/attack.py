"""The attacker: one flood at a time, from its own CPU, until it turns to another or the demo is over."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Self

from hardtack.lab.demo.honest import PATIENCE
from hardtack.lab.demo.stage import Stage
from hardtack.lab.flood import Flood, flooding
from hardtack.lab.namespaces import LabError
from hardtack.lab.packets.recipe import Kind

SETTLE = 1.0  # s of flood before anybody is asked how they like it
SPARE = 180.0  # s that a flood may last beyond two phases: starting hardtack, last requests


class Attack:
    """`kind` None: no flood yet. LabError if a flood was over before it should."""

    def __init__(self, on: Stage, mpps: float, seconds: float) -> None:
        self._on, self._rate, self._seconds = on, int(mpps * 1e6), 2 * (seconds + PATIENCE) + SPARE
        self._now = ExitStack()
        self._flood: Flood | None = None
        self.kind: Kind | None = None

    @property
    def pid(self) -> int:
        """Of the process that floods; 0 if there is none."""
        return self._flood.process.pid if self._flood else 0

    def turn(self, kind: Kind) -> None:
        """From now on it floods with this."""
        self._now.close()
        self._flood = self._now.enter_context(self._flooding(kind))
        self.kind = kind
        time.sleep(SETTLE)

    @contextmanager
    def _flooding(self, kind: Kind) -> Iterator[Flood]:
        on = self._on
        with flooding(on.net.near, on.target, seconds=self._seconds, kind=kind, rate=self._rate, cpu=on.attacker) as flood:
            yield flood
            if flood.process.returncode is not None:
                raise LabError("the flood ended before the demo did: " + " / ".join(flood.process.lines[-3:]))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._now.__exit__(kind, error, at)
