"""A front of a configuration in this process: its tables filled, its program as native code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hardtack.compiler.native import NativeProgram
from hardtack.control.configuration.reading import Loaded
from hardtack.control.explaining.filled import Filled
from hardtack.control.uplinks import ONLY_ONE, Uplink, outside_entry
from hardtack.image import ONLY
from hardtack.keys import epoch_of
from hardtack.packet.entries import clock_entry
from hardtack.packet.layout import EXPLAINED
from hardtack.packet.programs import FRONT_REASON
from hardtack.packet.reasons import Reason
from hardtack.packet.records import Flow
from hardtack.packet.rule_tables import Tally

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
        self._filled = Filled(loaded, masters, FRONT_REASON.tables)
        self.plan, self.tables = self._filled.plan, self._filled.tables
        self._epoch = -1
        self._program = NativeProgram(FRONT_REASON, self._filled.memory)
        self._mac = b""

    def explain(self, frame: bytes, when: int) -> Found:
        """One frame that came at that time, unix ns."""
        self._date(when)
        self._receive(frame[:MAC])
        counters, rules = (self.tables[name].bytes for name in ("counters", "rule_counters"))
        counters[:], rules[:] = 0, 0
        code, answer = self._program.run(frame, interface=UPLINK)
        return Found(REASONS[code], flow_of(self._filled), matched(rules.tobytes()), answer)

    def _receive(self, mac: bytes) -> None:
        """Frames are for this machine, whichever that was when they were captured; but those for a group of machines."""
        if len(mac) == MAC and mac != self._mac and not mac[0] & GROUP:
            self._mac = mac
            self.tables["outside"].update(ONLY, outside_entry({ONLY_ONE: Uplink([mac])}))

    def _date(self, when: int) -> None:
        self.tables["clock"].update(ONLY, clock_entry(when, when % (1 << 60)))
        seconds = when / 1e9
        if epoch_of(seconds) != self._epoch:
            self._epoch = epoch_of(seconds)
            self._filled.put_keys(seconds)


def flow_of(filled: Filled) -> dict[str, int]:
    """What the phases have found in the frame that was judged last."""
    entry = np.frombuffer(filled.tables[EXPLAINED.name].memory(), Flow)[0]
    return {name: int(entry[name]) for name in Flow.names or ()}


def matched(rules: bytes) -> tuple[int, ...]:
    """Numbers of rules that have counted a frame in this table."""
    return tuple(map(int, np.flatnonzero(np.frombuffer(rules, Tally)["frames"])))
