"""Keeps the connection table's marks few, so that strangers go on being known for such at one glance.

Marks of connections that are no more stay until all are made anew: see packet/sweep.py.
"""

from __future__ import annotations

import errno
import math
import time
from collections.abc import Mapping

import numpy as np

from hardtack.control.connections import mark_words
from hardtack.image import ONLY
from hardtack.kernel.bpf import BpfError
from hardtack.kernel.maps import Map
from hardtack.kernel.programs import Program
from hardtack.packet.layout import STRETCH, SWEEP, Places

# s between looks at them: counting takes a ms or less, making them anew some 20 to 40 for a million connections. It is also
# how long a set is left alone after it was looked at: by then no program does any more.
PERIOD = 10.0
WORTH = 1 / 32  # a share of marks that mean nothing: so many strangers are looked for in vain
NO_FRAME = bytes(14)  # the least that the kernel takes for one


class Marking:
    """The marks of a front's table. `sweeper`: the program SWEEPER, loaded with these tables."""

    def __init__(self, tables: Mapping[str, Map], sweeper: Program) -> None:
        self._tables, self._sweeper = tables, sweeper
        self._bits = int(self._places()["marked"][0]) + 1  # in each of the two sets
        self._marks = np.frombuffer(tables["marks"].memory(), np.uint64, mark_words(self._bits)).reshape(2, -1)
        self._tags = np.frombuffer(tables["tags"].memory(), np.uint8)
        self._size = tables["connections"].table.entries
        self._due = 0.0

    def write(self) -> None:
        """Once in a while, have them made anew if that is worth it. BpfError if the kernel refuses."""
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + PERIOD
            if self.idle() > WORTH:
                self.renew()

    def idle(self) -> float:
        """The share of all marks that are set beyond what the connections there are would have set."""
        marked = int(np.bitwise_count(self._marks[self._looked_at()]).sum())
        known = int(np.count_nonzero(self._tags))
        return marked / self._bits - (1 - math.exp(-known / self._bits))

    def renew(self) -> None:
        """Make them anew, while frames come: the set that is not looked at, and then have it looked at."""
        fresh = 1 - self._looked_at()
        self._marks[fresh] = 0
        self._tables[SWEEP.name].update(ONLY, bytes(SWEEP.value_size))
        while (swept := self._swept()) < self._size:
            self._run(-(-(self._size - swept) // STRETCH))
        entry = self._places()
        entry["marks"] = fresh
        self._tables["places"].update(ONLY, entry.tobytes())

    def _run(self, times: int) -> None:
        try:
            self._sweeper.test_run(NO_FRAME, repeat=times)
        except BpfError as error:
            if error.errno != errno.EINTR:  # a signal: it will be heard when this is done
                raise

    def _swept(self) -> int:
        return int.from_bytes(self._tables[SWEEP.name].lookup(ONLY) or b"", "little")

    def _places(self) -> np.ndarray[tuple[int], np.dtype[np.void]]:
        return np.frombuffer(self._tables["places"].lookup(ONLY) or b"", Places).copy()

    def _looked_at(self) -> int:
        return int(self._places()["marks"][0]) & 1
