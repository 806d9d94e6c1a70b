"""The engine `replay`: captures, a front's tables in this process's memory, and native code between them."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hardtack.captures.damage import Damaged
from hardtack.captures.native import records
from hardtack.captures.native.records import MOST_FRAME, ROOM, Job, Reader
from hardtack.captures.native.replay import REPLAY
from hardtack.captures.reading import Input
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
from hardtack.keys import AHEAD, epoch_of
from hardtack.packet import layout

NS, MS = 10**9, 10**6  # ns in a second, in a ms
UPLINK = 1  # the number of the interface that frames come in by
SLOT = MOST_FRAME + 3 * ROOM  # bytes: the longest frame with a header, and room at both ends

Tell = Callable[[int, int], None]


@dataclass(frozen=True)
class Wanted:
    """`grace`: whether the front begins with its grace period. `explain`: the number of a frame from clients; 0: none."""

    grace: bool = True
    explain: int = 0


class Replay:
    """A front that begins with the first frame of its captures, and is alone. `masters`: the keys, by file.

    `captures`: frames from clients; and perhaps those that hosts have sent. `output`: for what would have been sent.
    """

    def __init__(self, loaded: Loaded, masters: Mapping[Path, bytes], wanted: Wanted = Wanted()) -> None:
        self._wanted, self._inputs = wanted, list[Input]()
        self.filled = Filled(loaded, masters, REPLAY.tables)
        self.filled.tables["outside"].update(ONLY, outside_entry({ONLY_ONE: Uplink([OURS])}))
        fill_ways(self.filled)
        self._program = NativeProgram(REPLAY, self.filled.memory)
        self._jobs, self._slot, self._readers = np.zeros(1, Job), np.zeros(SLOT, np.uint8), np.zeros(2, Reader)
        self._job = self._jobs[0]
        self._job["slot"] = self._slot.ctypes.data + ROOM
        self._job["room"] = self._slot.ctypes.data + SLOT
        self._job["readers"], self._job["interface"] = self._readers.ctypes.data, UPLINK
        self._job["first_epoch"], self._job["stop"] = 1, wanted.explain  # no epoch has keys yet
        self._was: explained.Before | None = None
        self._explained: explained.Watched | None = None
        self._output: Output | None = None

    def run(self, captures: Sequence[Path], output: Output | None = None, tell: Tell = lambda done, frames: None) -> Result:
        """All of them, to their ends, or the first damage. `tell` is given bytes and frames that are done, now and then.

        NotACapture, OutputError, OSError; Damaged is a part of the result.
        """
        damage, begun = None, time.perf_counter()
        with ExitStack() as parts:
            try:
                self._open(captures, parts)
                self._begin(output)
                while (outcome := self._program.call(self._jobs.ctypes.data)) != records.DONE:
                    self._meet(outcome)
                    if outcome == records.MORE:
                        tell(self.done, self.frames)
            except Damaged as error:
                damage = error
            finally:
                self._put()
        return self._result(damage, time.perf_counter() - begun)

    @property
    def done(self) -> int:
        """Bytes of the captures that have been walked through."""
        return sum(one.offset for one in self._inputs)

    @property
    def frames(self) -> int:
        """Those that were found there."""
        return int(self._readers["number"].sum())

    @property
    def size(self) -> int:
        """Bytes of all captures; of a pipe 0."""
        return sum(one.size for one in self._inputs)

    def _open(self, captures: Sequence[Path], parts: ExitStack) -> None:
        self._job["count"] = len(captures)
        for place, path in enumerate(captures):
            self._inputs.append(one := Input(path, self._readers[place]))
            parts.enter_context(closing(one))
            one.begin()
        if len(captures) == 1:  # nobody is to wait for a word from hosts that is not to be had
            np.frombuffer(self.filled.tables["hosts"].memory(), layout.Host)["heard"] = 0

    def _begin(self, output: Output | None) -> None:
        self._output = output
        if output:
            output.begin()
            self._job["out"] = output.blocks.ctypes.data
            self._job["out_end"] = output.blocks.ctypes.data + output.blocks.nbytes

    def _meet(self, outcome: int) -> None:
        """What the native code has returned for."""
        one = self._inputs[int(self._job["which"])]
        if outcome == records.MORE:
            one.go_on()
        elif outcome == records.HEADER:
            one.read_header()
        elif outcome == records.DAMAGED:
            raise one.fault()
        elif outcome == records.FULL:
            self._put()
        elif outcome == records.KEYS:
            self._put_keys(int(self._job["time"]))
        elif outcome == records.BEFORE:
            self._was = explained.before(self.filled, self._frame())
        elif outcome == records.AFTER:
            self._explain()

    def _put(self) -> None:
        """What is in the output's memory, into its file."""
        if self._output and self._job["out"]:
            begin = self._output.blocks.ctypes.data
            self._output.put(int(self._job["out"]) - begin)
            self._job["out"] = begin

    def _put_keys(self, when: int) -> None:
        """For frames from this time on, unix ns; and with the first frame, the grace period begins."""
        if not self._job["begun"]:
            self._open_door(when)
        epoch = epoch_of(when / NS)
        self.filled.put_keys(when / NS)
        self._job["first_epoch"], self._job["last_epoch"] = epoch, epoch + AHEAD - 1

    def _open_door(self, when: int) -> None:
        plan = self.filled.plan
        if not self._wanted.grace or not plan.config.front.grace:
            return
        until = when // MS + plan.config.front.grace * 1000
        column = NetColumn(self.filled.tables["nets"], "grace_until")
        for network in plan.protected.owners:
            column.update(plan.protected.places[network].to_bytes(4, "little"), until.to_bytes(8, "little"))
        self.filled.tables["policy"].update(ONLY, policy_entry(plan.config, until))

    def _frame(self) -> bytes:
        head, tail = int(self._job["head"]), int(self._job["tail"])
        return ctypes.string_at(head, tail - head)

    def _explain(self) -> None:
        assert self._was is not None
        found = explained.after(self.filled, self._was, int(self._job["reason"]), self._frame())
        reader, names = self._readers[0], [*self.filled.plan.seats.names]
        known = explained.connection_of(self._was.rows, found, int(self._job["still"]) // MS, names)
        when, length = int(self._job["time"]), int(reader["length"])
        self._explained = explained.Watched(int(reader["number"]), when, length, self._was.frame, known, found)

    def _result(self, damage: Damaged | None, elapsed: float) -> Result:
        captured = [
            Captured(str(one.path), int(reader["number"]), int(reader["snapped"]), one.skipped())
            for one, reader in zip(self._inputs, self._readers, strict=False)
        ]
        clock, sent = Clock(*(int(self._job[name]) for name in Clock._fields)), int(self._job["sent"])
        found, nobody = results.hosts(self.filled)
        rules = [*results.rules(self.filled)]
        return Result(captured, clock, sent, found, nobody, rules, self._explained, damage, elapsed)
