"""Entries of a table while two workers are at work on it: whoever stays is there all the time, whole."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from clients_under_test import Bytes
from crew_under_test import Crew

SNAPSHOTS = 20  # of a round, at most
NAME = ("source_high", "source_low", "ports")
# What does not change as long as a connection lasts
FIXED = (*NAME, "destination_high", "destination_low", "host", "origin", "sent", "reach", "ack_reach", "charged")
Places = dict[int, set[int]]  # of clients, by number: where the table has them


class Snapshots:
    """What was seen of the entries that the table had before a round, while it went on."""

    def __init__(self, crew: Crew, before: Places) -> None:
        self._table, self._found = crew.table, list[tuple[Bytes, npt.NDArray[np.void]]]()
        self._owners = [(number, place) for number, places in before.items() for place in places]
        self._places = np.array([place for _, place in self._owners], np.intp)
        self.take()

    def take(self) -> None:
        """One more."""
        if len(self._found) < SNAPSHOTS:
            self._found.append((self._table.tags.reshape(-1)[self._places], self._table.rows[self._places]))

    def check(self, after: Places) -> None:
        """What was there before and is there after it was there all the time, whole."""
        stayed = np.array([place in after.get(number, ()) for number, place in self._owners], bool)
        tags, rows = self._found[0]
        for seen_tags, seen in self._found:
            assert (seen_tags == tags)[stayed].all(), "lost for a while"
            for field in (*FIXED, "begun"):
                assert (seen[field] == rows[field])[stayed].all(), f"torn for a while: {field}"


def names_of(rows: npt.NDArray[np.void]) -> list[tuple[int, ...]]:
    """Of records: what tells them apart."""
    return list(zip(*(rows[field].tolist() for field in NAME), strict=True))
