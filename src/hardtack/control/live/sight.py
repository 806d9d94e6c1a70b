"""The pinned tables at one moment, as arrays: cheap enough to be read each second, also with thousands of hosts."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hardtack.control import listing
from hardtack.control.holdings import Connections, ProvenSources, connections, sources
from hardtack.control.pinned import NotWhole, Tables, at
from hardtack.control.readout import AGENTS_OWN, Readout, RuleFrames, ruled, state
from hardtack.control.totals import Tallies, both_ways
from hardtack.image import ONLY
from hardtack.kernel import pins
from hardtack.kernel.maps import Map, possible_cpus
from hardtack.kernel.pins import Folder
from hardtack.packet.layout import AGENT_COUNTERS, CLOCK, COUNTERS, Clock
from hardtack.packet.reasons import REASONS

NO_HOST, AGENT = "no host", "agent"  # names of rows that are no host's
FRAMES, OCTETS = 0, 1  # the last axis of counts

Counts = npt.NDArray[np.uint64]  # (rows, REASONS, 2)
Row = tuple[str, str]  # the interface that a front or agent is named by, and a host or NO_HOST or AGENT


@dataclass(frozen=True)
class Sight:
    """Fronts and agents of this network namespace. `at` in monotonic seconds, `clock` in unix time.

    `counts` has a row for each of `rows`, `by_cpu` one for each CPU. `attached` is without counters and tables' content.
    `clock_off`: seconds by which the programs' clock is ahead of this machine's; None if it is not known.
    """

    at: float
    clock: float
    attached: tuple[Readout, ...]
    rows: tuple[Row, ...]
    counts: Counts
    by_cpu: Counts
    rules: tuple[RuleFrames, ...]
    clock_off: float | None
    connections: tuple[tuple[str, Connections], ...] = ()  # by interface
    sources: tuple[tuple[str, ProvenSources], ...] = ()


@dataclass
class Part:
    """The same of one front or agent."""

    about: Readout
    rows: list[Row]
    counts: Counts
    by_cpu: Counts
    rules: list[RuleFrames]
    clock_off: float | None


def look(interfaces: Collection[str] = (), root: Path = pins.ROOT) -> Sight | None:
    """All that is attached, or who is on these interfaces; None if there is nothing. NothingHere if it is not root who asks,
    BpfError, AnotherVersion, RecordError.
    """
    parts = [part(folder) for folder in folders(interfaces, root)]
    if not parts:
        return None
    return Sight(
        at=time.monotonic(),
        clock=time.time(),
        attached=tuple(one.about for one in parts),
        rows=tuple(row for one in parts for row in one.rows),
        counts=np.concatenate([one.counts for one in parts]),
        by_cpu=np.sum([one.by_cpu for one in parts], axis=0, dtype=np.uint64),
        rules=tuple(rule for one in parts for rule in one.rules),
        clock_off=next((one.clock_off for one in parts if one.clock_off is not None), None),
    )


def folders(interfaces: Collection[str], root: Path) -> list[Folder]:
    """Who is meant, fronts first."""
    found = [*at("front", None, root), *at("agent", None, root)]
    return [one for one in found if not interfaces or not set(interfaces).isdisjoint(one.interfaces)]


def part(folder: Folder) -> Part:
    """One of them."""
    front, name = folder.role == "front", folder.interface
    with Tables(folder) as tables:
        about = state(folder, tables)
        found = Part(about, [], none(0), none(possible_cpus()), [*ruled(tables)] if front else [], clock_off(tables))
        if front:
            entries, cpus = both_ways(there(tables.get(COUNTERS), name))
            rows = dict(named_rows(entries, tables.hosts(), tables.gone()))
            add(found, [(name, host) for host in rows.values()], entries[[*rows]], cpus)
        own = tables.get(AGENT_COUNTERS, AGENTS_OWN if front else "")
        if own or not front:
            entries, cpus = both_ways(there(own, name))
            add(found, [(name, AGENT)], entries[:1], cpus)
    return found


def there(table: Map | None, interface: str) -> Map:
    """A table that is always there; NotWhole if it is not: somebody is detaching, or attaching, just now."""
    if table is None:
        raise NotWhole(f"{interface}: no counters: it is just being attached or detached")
    return table


def add(found: Part, rows: list[Row], entries: Tallies, cpus: Tallies) -> None:
    """Counters of a table more."""
    found.rows += rows
    found.counts = np.concatenate([found.counts, by_reason(entries)])
    found.by_cpu = found.by_cpu + by_reason(cpus)


def by_reason(entries: Tallies) -> Counts:
    """Entries of `counters`, as wide as all reasons that there can be."""
    wide = none(len(entries))
    wide[:, : entries.shape[1] // 2] = entries.reshape(len(entries), -1, 2)
    return wide


def none(rows: int) -> Counts:
    """Nothing counted."""
    return np.zeros((rows, REASONS, 2), np.uint64)


def named_rows(entries: Tallies, names: list[str], gone: Collection[str]) -> Iterator[tuple[int, str]]:
    """Numbers and names of the rows: hosts that there are, those without a name that have had frames, and nobody's."""
    for number in range(1, len(entries)):
        name = listing.name_of(number, names)
        if name and name not in gone and (number <= len(names) or entries[number].any()):
            yield number, name
    yield 0, NO_HOST


def clock_off(tables: Tables) -> float | None:
    """By how many seconds the programs' unix time is ahead of the machine's."""
    table = tables.get(CLOCK)
    entry = table.lookup(ONLY) if table else None
    if not entry:
        return None
    record = np.frombuffer(entry, Clock)[0]
    if record["still_ns"]:
        return None
    return (int(record["offset_ns"]) - (time.time_ns() - time.monotonic_ns())) / 1e9


def with_holdings(sight: Sight, interfaces: Collection[str] = (), root: Path = pins.ROOT) -> Sight:
    """The same, and what the tables of connections and sources hold: takes the longer, the more that is. Likewise."""
    held, proven = [], []
    for folder in folders(interfaces, root):
        with Tables(folder) as tables:
            if one := connections(tables):
                held.append((folder.interface, one))
            if other := sources(tables):
                proven.append((folder.interface, other))
    return replace(sight, connections=tuple(held), sources=tuple(proven))
