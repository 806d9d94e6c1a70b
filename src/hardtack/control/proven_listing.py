"""Proven sources as people look for them: which match, in which order, and how each is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from hardtack.control.listing import BATCH, Network, address, within
from hardtack.control.proven import Rows, allowances, losses, since, turned, waits
from hardtack.packet.layout import PERIOD_BITS
from hardtack.packet.proven_tables import Source

SECONDS = (1 << PERIOD_BITS) / 1000  # in a period

NONE: Rows = np.empty(0, Source)


@dataclass(frozen=True)
class Wanted:
    """Which sources. `network` None: of any; `waiting`: only those that are not challenged for a while."""

    network: Network | None = None
    waiting: bool = False

    def among(self, rows: Rows, period: int) -> Rows:
        """Those of `rows` that match; turned to `period`."""
        chosen = np.ones(len(rows), bool)
        if self.network is not None:
            chosen &= within(rows["high"], rows["low"], self.network)
        if self.waiting:
            chosen &= waits(rows, period) > 0
        return rows[chosen]


def newest_first(rows: Rows, period: int) -> Rows:
    """`rows` by when they were heard of last."""
    return rows[np.argsort(since(rows["used"], period), kind="stable")]


def told(rows: Rows, period: int) -> Iterator[dict[str, Any]]:
    """Each of `rows`, turned to `period`, as plain data, whose keys are a contract."""
    for start in range(0, len(rows), BATCH):
        some = rows[start : start + BATCH]
        open_now = some["pending"].astype(np.int64) + some["before"]
        columns = (allowances(some), open_now, since(some["used"], period), waits(some, period), losses(some))
        addresses = np.stack([some["high"], some["low"]], 1)
        for packed, (allowance, half_open, idle, left, lost) in zip(addresses, np.stack(columns, 1).tolist(), strict=True):
            yield {
                "source": address(packed.tobytes()),
                "allowance": allowance,
                "half_open": half_open,
                "idle_seconds": round(idle * SECONDS, 1),
                "waits_seconds": round(left * SECONDS, 1),
                "lost": lost,
            }


def count(rows: Rows, period: int) -> tuple[int, int]:
    """How many there are, and how many of them wait."""
    return len(rows), int(np.count_nonzero(waits(turned(rows, period), period)))
