"""The tables that the exporter reads: open already, for it may open none itself. The table `keys` is not among them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hardtack.control.attacks.entry import ATTACKS
from hardtack.control.handovers.failures import FAILURES
from hardtack.control.pinned import NAMES, Tables, values_of
from hardtack.control.reloads import RELOADS
from hardtack.control.rule_texts import RULE_TEXTS
from hardtack.control.workers import where, with_workers
from hardtack.image import Table
from hardtack.kernel.maps import Map
from hardtack.kernel.standing import Standing
from hardtack.packet.layout import CLOCK, CONNECTIONS, COUNTERS, PLACES, POLICY, SEARCH, TAGS
from hardtack.packet.proven_tables import PROVEN, PROVEN_PLACES, PROVEN_TAGS
from hardtack.packet.rule_tables import RULE_COUNTERS
from hardtack.packet.worker_records import WORKERS

READ = (
    *(COUNTERS, NAMES, RULE_TEXTS, RULE_COUNTERS, POLICY, CLOCK, ATTACKS, FAILURES, RELOADS),
    *(PLACES, TAGS, CONNECTIONS, SEARCH, PROVEN_PLACES, PROVEN_TAGS, PROVEN, WORKERS),
)
AGENTS = "agent"  # the name of the agent's counters, where it is on this machine


def tables_of(front: Standing, agent: Standing | None) -> Iterator[tuple[str, Map]]:
    """What is to be handed over, by name."""
    for table in READ:
        theirs = where(table)
        for name in (table.name, theirs.name) if theirs else (table.name,):
            if found := front.tables.get(name):
                yield name, found
    if agent:
        yield AGENTS, agent.tables["counters"]


class Handed(Tables):
    """Those tables. What they say is read anew each time: names change with a reload."""

    def __init__(self, maps: Mapping[str, Map]) -> None:
        self._maps = maps

    def get(self, table: Table, owner: str = "") -> Map | None:
        """By name."""
        found, theirs = self._maps.get(owner or table.name), where(table) if not owner else None
        return with_workers(found, self._maps.get(theirs.name)) if found and theirs else found

    def entries_of_names(self) -> list[bytes]:
        """As they are now."""
        names = self.get(NAMES)
        return values_of(names)[1:] if names else []
