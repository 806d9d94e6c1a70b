"""Whether programs still are where they were put: an interface that goes takes its program with it, and nobody is told."""

from __future__ import annotations

import logging

from hardtack import journal
from hardtack.kernel import interfaces
from hardtack.kernel.standing import Standing
from hardtack.mistake import Mistake


class InterfaceBack(Mistake):
    """An interface that had gone is there again, without a program. Who is at work has no right to attach one any more."""

    status = 1


class Presence:
    """Looks after the programs of these standings."""

    def __init__(self, *standings: Standing) -> None:
        self._standings = standings
        self._told: set[str] = set()

    def write(self) -> None:
        """Say once that an interface has gone. InterfaceBack when it has come back."""
        gone = {interface for standing in self._standings for interface in standing.gone()}
        for interface in sorted(gone - self._told):
            journal.note("interface-gone", logging.ERROR, interface=interface, why="its program was removed with it")
        self._told |= gone
        for interface in sorted(gone.intersection(interfaces.names())):
            raise InterfaceBack(f"{interface} is back, without hardtack's program: this process must be restarted")
