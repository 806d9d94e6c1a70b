"""The attacker: one flood at a time, from its own CPU, until it turns to another or the demo is over."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Any, Self

from hardtack.lab.addresses import SERVER
from hardtack.lab.clients import connect, numbers
from hardtack.lab.demo.honest import PATIENCE
from hardtack.lab.demo.stage import PORT, Stage
from hardtack.lab.flood import Flood, flooding
from hardtack.lab.namespaces import LabError
from hardtack.lab.packets.recipe import Caller, Kind

SETTLE = 1.0  # s of flood before anybody is asked how they like it
FILLER = "198.18.7.0/24"  # one network: ports of one address are used up in no time
SPARE = 180.0  # s that a flood may last beyond two phases: starting hardtack, last requests


def opened(on: Stage) -> socket.socket:
    """A connection of a real client, whose machine is the attacker's."""
    return connect(on.net.client, SERVER[0], PORT, timeout=PATIENCE)


def callers_of(connection: socket.socket) -> list[Caller]:
    """In whose name its flood is sent: with the right numbers and with random ones, in turn."""
    address, port = connection.getsockname()
    return [Caller(address, port, *numbers(connection)), Caller(address, port)]


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
        on, how = self._on, dict[str, Any]()
        with ExitStack() as parts:
            if kind == "known":
                how["callers"] = callers_of(parts.enter_context(opened(on)))
            if kind == "filler":  # each of its SYNs brings an ACK, which is a frame, too
                how["sources"] = FILLER
            rate = self._rate // 2 if kind == "filler" else self._rate
            flood = parts.enter_context(
                flooding(on.net.near, on.target, seconds=self._seconds, kind=kind, rate=rate, cpu=on.attacker, **how)
            )
            yield flood
            if flood.process.returncode is not None:
                raise LabError("the flood ended before the demo did: " + " / ".join(flood.process.lines[-3:]))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._now.__exit__(kind, error, at)
