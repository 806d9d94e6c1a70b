"""Frees the places of proven sources whose time is over, long before the periods that they were last heard of in come again.

Periods have 16 bits: what was used a day and a half ago would look as if it had been used just now.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import numpy as np

from hardtack.control.proven import period_of
from hardtack.control.succession import open_sources
from hardtack.image import ONLY
from hardtack.kernel.maps import Map
from hardtack.packet.layout import Policy

ROUND = 60  # s until all have been looked at: a part of the table each second, so that nothing else has to wait


class Fading:
    """The sources of a front's table."""

    def __init__(self, tables: Mapping[str, Map]) -> None:
        self._table, self._policy = open_sources(tables), tables["policy"]
        self._next = 0  # place

    def write(self) -> None:
        """A part of the table further."""
        places = len(self._table.rows)
        end = min(self._next + -(-places // ROUND), places)
        life = int(np.frombuffer(self._policy.lookup(ONLY) or b"", Policy)["source_life"][0])
        self._table.free(self._next, end, period_of(time.monotonic_ns() // 1_000_000), life)
        self._next = end % places
