"""The connections, or proven sources, that somebody asks for, front by front."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from hardtack.control import listing, proven_listing
from hardtack.control.connections import Rows
from hardtack.control.listing import Network, Wanted
from hardtack.control.pinned import Interfaces, Tables, fronts
from hardtack.control.proven import period_of, turned
from hardtack.kernel import pins
from hardtack.kernel.pins import Folder
from hardtack.mistake import Mistake


class SearchError(Mistake, ValueError):
    """Something is asked for that cannot be."""


@dataclass(frozen=True)
class Found:
    """What matches on one front, newest activity first; `known` are all that it has. `now` in monotonic ms."""

    interface: str
    rows: Rows
    known: int
    now: int
    hosts: list[str]

    def told(self, limit: int | None) -> Iterator[dict[str, Any]]:
        """Each as plain data, at most `limit`."""
        for row in listing.told(self.rows[:limit], self.now, self.hosts):
            yield {"interface": self.interface, **row}


@dataclass(frozen=True)
class FoundSources:
    """The same of proven sources, turned to the period that is now."""

    interface: str
    rows: Rows
    known: int
    period: int

    def told(self, limit: int | None) -> Iterator[dict[str, Any]]:
        """Each as plain data, at most `limit`."""
        for row in proven_listing.told(self.rows[:limit], self.period):
            yield {"interface": self.interface, **row}


def search(wanted: Wanted, interface: Interfaces = None, host: str | None = None, root: Path = pins.ROOT) -> list[Found]:
    """What each front of this network namespace has of it. NothingHere, SearchError, AnotherVersion, BpfError."""
    found, names = [], list[str]()
    for folder in fronts(interface, root):
        with Tables(folder) as tables:
            hosts = tables.hosts()
            names += filter(None, hosts)
            if host is None:
                found.append(matching(folder, tables, wanted, hosts))
            elif host and host in hosts:
                found.append(matching(folder, tables, replace(wanted, host=hosts.index(host) + 1), hosts))
    if not found:
        raise SearchError(f"no host {host} here; there are: {', '.join(names)}")
    return found


def search_sources(
    wanted: proven_listing.Wanted, interface: Interfaces = None, root: Path = pins.ROOT
) -> list[FoundSources]:
    """What each front of this network namespace knows of them. NothingHere, AnotherVersion, BpfError."""
    found = []
    for folder in fronts(interface, root):
        with Tables(folder) as tables:
            table, period = tables.sources(), period_of(tables.now())
            rows = turned(table.live(), period) if table else proven_listing.NONE
            chosen = proven_listing.newest_first(wanted.among(rows, period), period)
            found.append(FoundSources(folder.interface, chosen, len(rows), period))
    return found


def matching(folder: Folder, tables: Tables, wanted: Wanted, hosts: list[str]) -> Found:
    """What one front has of it."""
    table, now = tables.connections(), tables.now()
    rows = table.live() if table else listing.NONE
    return Found(folder.interface, listing.newest_first(wanted.among(rows), now), len(rows), now, hosts)


def network(text: str) -> Network:
    """An address or a network, as people write it. SearchError."""
    try:
        return ip_network(text, strict=False)
    except ValueError:
        raise SearchError(f"{text}: not an address or a network; write one as 198.51.100.7 or 198.51.100.0/24") from None
