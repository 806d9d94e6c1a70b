"""A front of a configuration in this process: its tables filled, its program as native code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hardtack.compiler.native import NativeProgram
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
from hardtack.control.uplinks import ONLY_ONE, Uplink, outside_entry
from hardtack.image import ONLY
from hardtack.kernel.tcp import Speech
from hardtack.keys import EPOCH, Masters, schedule
from hardtack.packet.entries import clock_entry, keys_entry
from hardtack.packet.layout import EXPLAINED
from hardtack.packet.programs import FRONT_REASON
from hardtack.packet.reasons import Reason
from hardtack.packet.records import Flow
from hardtack.packet.rule_tables import Tally
from hardtack.pcap.native import Matcher

REASONS = {int(one): one for one in Reason}
MAC, GROUP = 6, 1  # bytes of an address; a bit of its first: IEEE 802
UPLINK = 1  # the number of the interface that frames come in by


@dataclass(frozen=True)
class Found:
    """What became of a frame. `flow`: fields of records.Flow, as integers; `matched`: numbers of rules."""

    reason: Reason
    flow: Mapping[str, int]
    matched: tuple[int, ...]
    answer: bytes


class Machine:
    """`masters`: the keys, by file. Nothing is remembered from frame to frame but what the policy remembers."""

    def __init__(self, loaded: Loaded, masters: Mapping[Path, bytes]) -> None:
        config = loaded.config.model_copy(deep=False)
        self.plan = planned(config, Facts(Speech()), masters, lists=loaded.lists)
        trees = Trees.draft()
        trees.new(content(self.plan.protected))
        roots = planted(trees, self.plan.sources)
        sizes = {**self.plan.seats.sizes, "networks": trees.wanted()}
        self.tables = tables_of(FRONT_REASON.tables, sizes)
        self._trees = trees.moved(self.tables["networks"].memory(), lambda: None)
        Roots(self._trees, roots, self.tables["hosts"].memory()).write(self.plan.seats.numbers.values())
        fill(self.tables, self.plan)
        self._matchers = matchers(self.tables, self.plan)
        self._epoch = -1
        memory = {name: table.bytes for name, table in self.tables.items()}
        self._program = NativeProgram(FRONT_REASON, memory)
        self._mac = b""

    def explain(self, frame: bytes, when: int) -> Found:
        """One frame that came at that time, unix ns."""
        self._date(when)
        self._receive(frame[:MAC])
        counters, rules = (self.tables[name].bytes for name in ("counters", "rule_counters"))
        counters[:], rules[:] = 0, 0
        code, answer = self._program.run(frame, interface=UPLINK)
        entry = np.frombuffer(self.tables[EXPLAINED.name].memory(), Flow)[0]
        flow = {name: int(entry[name]) for name in Flow.names or ()}
        matched = tuple(map(int, np.flatnonzero(np.frombuffer(rules, Tally)["frames"])))
        return Found(REASONS[code], flow, matched, answer)

    def _receive(self, mac: bytes) -> None:
        """Frames are for this machine, whichever that was when they were captured; but those for a group of machines."""
        if len(mac) == MAC and mac != self._mac and not mac[0] & GROUP:
            self._mac = mac
            self.tables["outside"].update(ONLY, outside_entry({ONLY_ONE: Uplink([mac])}))

    def _date(self, when: int) -> None:
        self.tables["clock"].update(ONLY, clock_entry(when, when % (1 << 60)))
        seconds = when / 1e9
        if int(seconds // EPOCH) != self._epoch:
            self._epoch = int(seconds // EPOCH)
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


