"""The engine `replay`: captures, a front's tables in this process's memory, and native code between them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hardtack.captures.damage import Damaged
from hardtack.captures.native import records
from hardtack.captures.native.replay import REPLAY
from hardtack.captures.walking import Walk
from hardtack.compiler.native import NativeProgram
from hardtack.control.configuration.reading import Loaded
from hardtack.control.explaining.filled import Filled
from hardtack.control.protected import NetColumn
from hardtack.control.replaying import explained, results
from hardtack.control.replaying.output import Output
from hardtack.control.replaying.results import Captured, Clock, Result
from hardtack.control.replaying.ways import OURS, fill_ways
from hardtack.control.tables import policy_entry
from hardtack.control.uplinks import ONLY_ONE, Uplink, outside_entry
from hardtack.image import ONLY
from hardtack.keys import AHEAD, EPOCH
from hardtack.packet import layout

NS, MS = 10**9, 10**6  # ns in a second, in a ms
UPLINK = 1  # the number of the interface that frames come in by

Tell = Callable[[int, int], None]


@dataclass(frozen=True)
class Wanted:
    """`grace`: whether the front begins with its grace period. `explain`: the number of a frame from clients; 0: none."""

    grace: bool = True
    explain: int = 0


USUAL = Wanted()


class Replay:
    """A front that starts with the first frame of its captures, and is alone. `masters`: the keys, by file."""

    def __init__(self, loaded: Loaded, masters: Mapping[Path, bytes], wanted: Wanted = USUAL) -> None:
        self._wanted, self._walk = wanted, Walk()
        self.filled = Filled(loaded, masters, REPLAY.tables)
        self.filled.tables["outside"].update(ONLY, outside_entry({ONLY_ONE: Uplink([OURS])}))
        fill_ways(self.filled)
        self._program = NativeProgram(REPLAY, self.filled.memory)
        self._job = self._walk.job
        self._job["interface"], self._job["stop"] = UPLINK, wanted.explain
        self._job["first_epoch"] = 1  # up to 0: no epoch has keys yet
        self._was: explained.Before | None = None
        self._explained: explained.Watched | None = None

    def run(self, captures: Sequence[Path], output: Output | None = None, tell: Tell = lambda done, frames: None) -> Result:
        """All of them, to their ends or the first damage: frames from clients, and perhaps a second one, from hosts.

        `output`: for what would have been sent. `tell` is given bytes and frames that are done, now and then. To be called
        once. NotACapture, OutputError, OSError; damage, and an interrupt, are parts of the result.
        """
        damage, interrupted, begun, walk = None, False, time.perf_counter(), self._walk
        if len(captures) == 1:  # nobody is to wait for a word from hosts that is not to be had
            np.frombuffer(self.filled.tables["hosts"].memory(), layout.Host)["heard"] = 0
        with ExitStack() as parts:
            try:
                walk.open(captures, parts)
                if output:
                    output.begin()
                    walk.write_to(output.blocks, output.put)
                while (outcome := self._program.call(walk.address)) != records.DONE:
                    self._meet(outcome)
                    if outcome == records.MORE:
                        tell(walk.done, walk.frames)
            except Damaged as error:
                damage = error
            except KeyboardInterrupt:
                interrupted = True
            finally:
                walk.put()
        return replace(self._result(time.perf_counter() - begun), damage=damage, interrupted=interrupted)

    def _meet(self, outcome: int) -> None:
        """What the native code has returned for."""
        if outcome == records.KEYS:
            self._put_keys(int(self._job["time"]))
        elif outcome == records.BEFORE:
            self._was = explained.before(self.filled, self._walk.frame())
        elif outcome == records.AFTER:
            self._explain()
        else:
            self._walk.meet(outcome)

    def _put_keys(self, when: int) -> None:
        """For frames from this time on, unix ns; and with the first frame, the grace period begins."""
        if not self._job["begun"]:
            self._open_door(when)
        epoch = when // (EPOCH * NS)
        self.filled.put_keys(epoch * EPOCH)
        self._job["first_epoch"], self._job["last_epoch"] = epoch, epoch + AHEAD - 1

    def _open_door(self, when: int) -> None:
        """Until the end of the grace period."""
        plan = self.filled.plan
        if not self._wanted.grace or not plan.config.front.grace:
            return
        until = when // MS + plan.config.front.grace * 1000
        column = NetColumn(self.filled.tables["nets"], "grace_until")
        for network in plan.protected.owners:
            column.update(plan.protected.places[network].to_bytes(4, "little"), until.to_bytes(8, "little"))
        self.filled.tables["policy"].update(ONLY, policy_entry(plan.config, until))

    def _explain(self) -> None:
        """The frame that was asked for was just judged."""
        assert self._was is not None
        found = explained.after(self.filled, self._was, int(self._job["reason"]), self._walk.frame())
        reader, names = self._walk.readers[0], [*self.filled.plan.seats.names]
        known = explained.connection_of(self._was.rows, found, int(self._job["still"]) // MS, names)
        when, length = int(self._job["time"]), int(reader["length"])
        self._explained = explained.Watched(int(reader["number"]), when, length, self._was.frame, known, found)

    def _result(self, elapsed: float) -> Result:
        captured = [
            Captured(str(one.path), int(reader["number"]), int(reader["snapped"]), one.skipped())
            for one, reader in zip(self._walk.inputs, self._walk.readers, strict=False)
        ]
        clock, sent = Clock(*(int(self._job[name]) for name in Clock._fields)), int(self._job["sent"])
        hosts, nobody = results.hosts(self.filled)
        rules = [*results.rules(self.filled)]
        return Result(captured, clock, sent, hosts, nobody, rules, self._explained, elapsed)
