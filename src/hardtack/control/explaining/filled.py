"""A front's tables in this process's memory, filled as its configuration says: what native code works with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hardtack.control import proven, tables
from hardtack.control.configuration.reading import Loaded
from hardtack.control.configuration.rules import compiled
from hardtack.control.connections import buckets_for, marks_for, places_entry
from hardtack.control.explaining.memory import Memory, tables_of
from hardtack.control.handshakes import Handshakes
from hardtack.control.networks.trees import Trees
from hardtack.control.plan import Facts, Plan, planned
from hardtack.control.protected import content, fill_protected
from hardtack.control.rules import fill_rules
from hardtack.control.sources import Roots, planted
from hardtack.image import ONLY, Table
from hardtack.kernel.tcp import Speech
from hardtack.keys import Masters, schedule
from hardtack.packet.entries import keys_entry
from hardtack.pcap.native import Matcher


class Filled:
    """`masters`: the keys, by file. `wanted`: the tables; of `keys`, nothing is in them until `put_keys`."""

    def __init__(self, loaded: Loaded, masters: Mapping[Path, bytes], wanted: tuple[Table, ...]) -> None:
        config = loaded.config.model_copy(deep=False)
        self.plan = planned(config, Facts(Speech()), masters, lists=loaded.lists)
        trees = Trees.draft()
        trees.new(content(self.plan.protected))
        roots = planted(trees, self.plan.sources)
        sizes = {**self.plan.seats.sizes, "networks": trees.wanted()}
        self.tables = tables_of(wanted, sizes)
        self._trees = trees.moved(self.tables["networks"].memory(), lambda: None)
        Roots(self._trees, roots, self.tables["hosts"].memory()).write(self.plan.seats.numbers.values())
        fill(self.tables, self.plan)
        self._matchers = matchers(self.tables, self.plan)

    @property
    def memory(self) -> dict[str, npt.NDArray[np.uint8]]:
        """The tables' bytes, by name."""
        return {name: table.bytes for name, table in self.tables.items()}

    def put_keys(self, seconds: float) -> None:
        """Those that a front has at this unix time: of the last epoch, and of an hour ahead."""
        for number, masters in enumerate(self.plan.key_sets):
            if masters:
                self.tables["keys"].update(number.to_bytes(4, "little"), entry_for(masters, seconds))


def entry_for(masters: Masters, seconds: float) -> bytes:
    """Of `keys`."""
    return keys_entry(schedule(masters.new, seconds), schedule(masters.old, seconds) if masters.old else ())


def fill(all_tables: Mapping[str, Memory], plan: Plan) -> None:
    """As control/apply.py does, as far as the policy asks for it. Frames are taken for sent to this machine."""
    fill_rules(all_tables["rules"], plan.seats.rules)
    fill_protected(all_tables, plan.protected)
    all_tables["policy"].update(ONLY, tables.policy_entry(plan.config, 0))
    size = plan.config.front.connections
    all_tables["places"].update(ONLY, places_entry(buckets_for(size), marks_for(size)))
    all_tables["proven_places"].update(ONLY, proven.places_entry(proven.buckets_for(plan.config.front.sources)))
    Handshakes(all_tables["hosts"].memory()).configure(plan.config, plan.seats.numbers, {})


def matchers(all_tables: Mapping[str, Memory], plan: Plan) -> list[Matcher]:
    """The rules as native code, and where the program finds them."""
    made = []
    for expressions, slot in plan.seats.rules.slots.items():
        matcher = Matcher([compiled(one, "ethernet") for one in expressions])
        np.frombuffer(all_tables["rule_programs"].memory(), np.uint64)[slot] = matcher.address
        made.append(matcher)
    return made
