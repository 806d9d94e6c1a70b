"""One frame of a replay, looked at: as it came, what the tables knew of its connection, and what became of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from hardtack.control import listing
from hardtack.control.connections import ConnectionTable, Rows
from hardtack.control.explaining.filled import Filled
from hardtack.control.explaining.machine import REASONS, Found, flow_of
from hardtack.packet.rule_tables import Tally


@dataclass(frozen=True)
class Before:
    """What there was before it was judged."""

    frame: bytes
    rows: Rows
    rules: bytes


@dataclass(frozen=True)
class Watched:
    """The frame: `when` in unix ns; `length` on the wire. `connection`: as listing.told says it; None: not known then."""

    number: int
    when: int
    length: int
    frame: bytes
    connection: dict[str, Any] | None
    found: Found


def before(filled: Filled, frame: bytes) -> Before:
    """To be asked for when the frame is next."""
    return Before(frame, live(filled), filled.tables["rule_counters"].bytes.tobytes())


def live(filled: Filled) -> Rows:
    """A copy of the connections there are."""
    tables = filled.tables
    return ConnectionTable(tables["places"].bytes.tobytes(), tables["tags"].bytes, tables["connections"].bytes).live()


def after(filled: Filled, was: Before, reason: int, answer: bytes) -> Found:
    """What became of it."""
    now = np.frombuffer(filled.tables["rule_counters"].bytes, Tally)["frames"]
    grown = np.flatnonzero(now != np.frombuffer(was.rules, Tally)["frames"])
    return Found(REASONS[reason], flow_of(filled), tuple(map(int, grown)), answer)


def connection_of(rows: Rows, found: Found, now: int, names: list[str]) -> dict[str, Any] | None:
    """The frame's, if it is among these; `now` in monotonic ms."""
    flow, same = found.flow, np.ones(len(rows), bool)
    if not flow["header"]:
        return None
    for name in ("source_high", "source_low", "destination_high", "destination_low"):
        same &= rows[name] == np.uint64(flow[name])
    same &= rows["ports"] == flow["ports_isn"] & 0xFFFFFFFF
    told: Iterator[dict[str, Any]] = listing.told(rows[same], now, names)
    return next(told, None)
