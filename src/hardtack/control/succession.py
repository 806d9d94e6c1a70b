"""What a front takes over from the one before it on this interface, or from the days when there was none.

Whoever works must not notice that a front starts: connections that the old tables have are kept, and what no table has is
learned in a grace period.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from hardtack import journal
from hardtack.control import proven
from hardtack.control.configuration.schema import Config
from hardtack.control.connections import ConnectionTable, moved
from hardtack.control.coverage import Network, widened
from hardtack.control.listed import LISTED, all_excluded, all_listed
from hardtack.control.pinned import Tables, key_of
from hardtack.control.protected import EVERY_PORT, NO_PORT, Protected, covered, ports_of
from hardtack.control.proven import SourceTable
from hardtack.control.rule_texts import NOBODY, RULE_TEXTS, Written, written
from hardtack.control.rules import keeps_out
from hardtack.engines.xdp import CONNECTIONS
from hardtack.image import ONLY
from hardtack.kernel.maps import Map
from hardtack.kernel.pins import Folder
from hardtack.kernel.standing import Standing
from hardtack.packet.layout import ALL_PORTS, COUNTERS, HOSTS, NETS, POLICY, PORT_WORDS, PORTS, Host, Net, Policy
from hardtack.packet.rule_tables import RULE_COUNTERS
from hardtack.packet.worker_records import of_workers

KEPT = (POLICY, LISTED, NETS, HOSTS, PORTS, RULE_TEXTS)  # tables that say what a front protects


@dataclass(frozen=True)
class Before:
    """The front before, as it is pinned. Nothing of it is read that is of another layout.

    `hosts`: names, by number from 1; "" is nobody's. `protected`: each network's ports, as `ports_of` has them.
    `grace_until`: monotonic ms. `rules`: by number.
    """

    hosts: list[str]
    protected: Mapping[Network, bytes]
    grace_until: int
    rules: Mapping[int, Written]


def before(folder: Folder) -> Before:
    """What is there now; nothing at all at a first start."""
    with ExitStack() as parts:
        tables = parts.enter_context(Tables(folder))
        found = {table.name: parts.enter_context(one) for table in KEPT if (one := folder.open(table))}
        policy = found[POLICY.name].lookup(ONLY) if POLICY.name in found else None
        until = int(np.frombuffer(policy, Policy)["grace_until"][0]) if policy else 0
        return Before(tables.hosts(), protected(found), until, written(found.get(RULE_TEXTS.name)))


def protected(tables: Mapping[str, Map]) -> dict[Network, bytes]:
    """The ports of each network that these tables have as protected; nothing if one of them is missing."""
    if not tables.keys() >= {LISTED.name, NETS.name, HOSTS.name, PORTS.name}:
        return {}
    nets = np.frombuffer(tables[NETS.name].memory(), Net)
    hosts = np.frombuffer(tables[HOSTS.name].memory(), Host)
    sets = np.frombuffer(tables[PORTS.name].memory(), np.uint64).reshape(-1, PORT_WORDS)
    bits = {number: b"" if number == ALL_PORTS else one.tobytes() for number, one in enumerate(sets)}
    found: dict[Network, bytes] = dict.fromkeys(all_excluded(tables[LISTED.name]), NO_PORT)
    for place, network in all_listed(tables[LISTED.name]).items():
        found[network] = covered(hosts[int(nets[place]["host"])], bits)
    return found


def grace_until(
    config: Config, earlier: Before, front: Standing, now: Protected, goes_on: bool, rules: Collection[int] = ()
) -> int:
    """Monotonic ms; 0: none. One begins where connections may exist that are not in the table; else the old one goes on.

    Tables do not outlive the machine's start, so that what an old one says is of the same clock.

    `goes_on`: a front's program is at work, so that nothing has passed by. `rules`: the numbers of those that there are now.
    """
    more = widened(earlier.protected, ports_of(now), EVERY_PORT) or lets_in(earlier, config, rules)
    if goes_on and front.adopted.issuperset(CONNECTIONS) and not more:
        return earlier.grace_until
    if not config.front.grace:
        return 0
    return time.monotonic_ns() // 1_000_000 + config.front.grace * 1000


def lets_in(earlier: Before, config: Config, rules: Collection[int]) -> bool:
    """Whether a rule is no more that has kept connections of a host that still is from being judged."""
    names = {host.name for host in config.hosts}
    stay = {number for number, name in enumerate(earlier.hosts, 1) if name in names}
    gone = (one for number, one in earlier.rules.items() if number not in rules)
    return any(keeps_out(one.shown) and (one.owner in stay or one.owner == NOBODY) for one in gone)


def open_table(tables: Mapping[str, Map]) -> ConnectionTable:
    """The connection table that these are."""
    memory = (tables[name].memory() for name in ("tags", "connections", "marks"))
    return ConnectionTable(tables["places"].lookup(ONLY) or b"", *memory)


def take_over(front: Standing, fresh: Collection[int], fresh_rules: Collection[int] = ()) -> int:
    """Bring counters, sources, connections of tables of another size, if there are any. Says so, and how many are known.

    `fresh`: numbers that are given to hosts anew, of whom nothing is known yet; `fresh_rules`: likewise to rules. To be done
    just before the new programs take over: what the old ones learn after it, grace must learn again; what they count after
    it, is lost with a table.
    """
    for table, why in front.dropped.items():
        journal.note("dropped", logging.WARNING, table=table, why=why)
    bring_counters(front, "counters", fresh)
    bring_counters(front, "rule_counters", fresh_rules)
    bring_workers(front, fresh, fresh_rules)
    bring_sources(front)
    known = bring_connections(front)
    if known:
        disown(open_table(front.tables), fresh)
    return known


def forget_numbers(front: Standing, numbers: Collection[int]) -> None:
    """Of a front at work: nothing is known any more of the hosts that had these numbers."""
    for number in numbers:
        front.tables["counters"].update(key_of(number), bytes(front.tables["counters"].table.value_size))
    disown(open_table(front.tables), numbers)


def bring_counters(front: Standing, name: str, fresh: Collection[int]) -> None:
    """Those of a table of another size, if there is one; and `fresh` numbers' begin at 0."""
    new = front.tables[name]
    if old := front.old.get(name):
        for number in range(min(new.table.entries, old.table.entries)):
            new.update_all(key_of(number), old.lookup_all(key_of(number)))
    for number in fresh:
        new.update(key_of(number), bytes(new.table.value_size))


def bring_workers(front: Standing, fresh: Collection[int], fresh_rules: Collection[int]) -> None:
    """What workers of the af_xdp engine have counted that are not to go on with it: there are others now, or none."""
    for table, unknown in ((COUNTERS, fresh), (RULE_COUNTERS, fresh_rules)):
        theirs = of_workers(table)
        if theirs.name in front.adopted or not (left := front.folder.open(theirs)):
            continue
        counters = front.tables[table.name]
        entries = front.old.get(table.name, counters).table.entries
        with left:
            rows = np.frombuffer(left.memory(), np.uint64).reshape(-1, entries, theirs.value_size // 8).sum(0)
        for number in {*np.flatnonzero(rows.any(1)).tolist()}.difference(unknown, range(counters.table.entries, entries)):
            counters.add(key_of(number), rows[number, : table.value_size // 8].tolist())


def bring_connections(front: Standing) -> int:
    """Those of a table of another size, if there is one; how many are known."""
    if "connections" not in front.old:
        return int(np.count_nonzero(open_table(front.tables).tags)) if front.adopted.issuperset(CONNECTIONS) else 0
    old, new = open_table(front.old), open_table(front.tables)
    known = moved(old, new, time.monotonic_ns() // 1_000_000)
    lost = int(np.count_nonzero(old.tags)) - known
    journal.note("moved", table="connections", places=old.rows.size, to=new.rows.size, connections=known, lost=lost)
    return known


def bring_sources(front: Standing) -> None:
    """Proven ones, of a table of another size, if there is one."""
    if "proven" not in front.old:
        return
    old, new = open_sources(front.old), open_sources(front.tables)
    there, known = np.count_nonzero(old.tags), proven.moved(old, new, proven.period_of(time.monotonic_ns() // 1_000_000))
    journal.note("moved", table="proven", places=old.rows.size, to=new.rows.size, sources=known, lost=int(there) - known)


def open_sources(tables: Mapping[str, Map]) -> SourceTable:
    """The table of proven sources that these are."""
    memory = (tables[name].memory() for name in ("proven_tags", "proven"))
    return SourceTable(tables["proven_places"].lookup(ONLY) or b"", *memory)


def disown(table: ConnectionTable, numbers: Collection[int]) -> None:
    """Have connections of hosts that had these numbers be nobody's: their hosts are no more.

    One that takes the place of such a one at this very moment may lose its host's name, and nothing else.
    """
    taken = table.taken()
    table.rows["host"][taken[np.isin(table.rows["host"][taken], [*numbers])]] = 0
