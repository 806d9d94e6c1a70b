"""The front's policy three times over: as eBPF in the kernel, as native code, as the naive twin. A frame in, an outcome out.

eBPF runs by BPF_PROG_TEST_RUN, with its clock held at the `clock` table so that a moment is exact. What it thought of a
frame is read where an operator reads it, in the counters. Only what an engine can be made to show is compared: the verdict
(of eBPF, the XDP action), the reason, and the bytes of the frame as it leaves.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from naive.decide import decide
from naive.world import HOSTS, KEYS

from hardtack.compiler import objects
from hardtack.compiler.native import NativeProgram
from hardtack.control.tables import host_entry, host_updates
from hardtack.kernel.datapath import Datapath
from hardtack.packet.entries import ONLY, clock_entry, keys_entry
from hardtack.packet.layout import Counters
from hardtack.packet.programs import FRONT, FRONT_REASON
from hardtack.packet.reasons import Reason, Verdict, verdict

XDP_ACTIONS = {2: Verdict.PASS, 1: Verdict.DROP, 3: Verdict.REPLY}  # enum xdp_action: XDP_PASS, XDP_DROP, XDP_TX
REASONS = {int(reason): reason for reason in Reason}
SHORTEST = 14  # bytes; BPF_PROG_TEST_RUN takes no shorter frame
NS = 1_000_000  # in a millisecond
PLENTY = 256  # bytes that a frame may grow by: more than any answer needs

HOST_ENTRIES = {key: host_entry(n, host.mss, host.ports) for n, (key, host) in enumerate(HOSTS.items())}
KEYS_ENTRY = keys_entry(KEYS.items())


@dataclass(frozen=True)
class Outcome:
    """What became of a frame."""

    verdict: Verdict
    reason: Reason
    frame: bytes

    def __str__(self) -> str:
        return f"{self.verdict.name} {self.reason.name} {self.frame.hex()}"


def twin(frame: bytes, now_ms: int, room: int = PLENTY) -> Outcome:
    """What the naive twin says."""
    reason, out = decide(frame, HOSTS, KEYS, now_ms, room)
    return Outcome(verdict(reason), reason, out)


class Ebpf:
    """The very program that `hardtack front` attaches, but for its clock. Frames of at least SHORTEST bytes."""

    def __init__(self, datapath: Datapath) -> None:
        self._datapath = datapath
        for table, key, value in host_updates(HOST_ENTRIES):
            datapath.tables[table].update(key, value)
        datapath.tables["keys"].update(ONLY, KEYS_ENTRY)
        self._now_ms = -1
        self._counted = datapath.counters()

    def run(self, frame: bytes, now_ms: int) -> Outcome:
        """One frame at one moment, and what it was counted under: exactly one reason, exactly once."""
        if now_ms != self._now_ms:
            self._datapath.tables["clock"].update(ONLY, clock_entry(now_ms * NS))
            self._now_ms = now_ms
        ran = self._datapath.program.test_run(frame)
        counted, before = self._datapath.counters(), self._counted
        self._counted = counted
        grown = [(number, now - then) for number, (now, then) in enumerate(zip(counted, before, strict=True)) if now != then]
        assert len(grown) == 1 and grown[0][1] == 1, f"not counted once: {grown} for {frame.hex()}"
        return Outcome(XDP_ACTIONS[ran.verdict], REASONS[grown[0][0]], ran.frame)


class Native:
    """The same policy as machine code, over tables in this process's memory. Frames of any length."""

    def __init__(self) -> None:
        self._clock, self._counters = np.zeros(8, np.uint8), np.zeros(Counters.itemsize, np.uint8)
        tables = {table.name: np.zeros(table.value_size * table.entries, np.uint8) for table in FRONT_REASON.tables}
        tables |= {"clock": self._clock, "counters": self._counters}
        for table, key, value in [*host_updates(HOST_ENTRIES), ("keys", ONLY, KEYS_ENTRY)]:
            start = int.from_bytes(key, "little") * len(value)
            tables[table][start : start + len(value)] = np.frombuffer(value, np.uint8)
        self._program = NativeProgram(FRONT_REASON, tables)

    def run(self, frame: bytes, now_ms: int, room: int = PLENTY) -> Outcome:
        """One frame at one moment, which may grow by `room` bytes."""
        self._clock[:] = np.frombuffer(clock_entry(now_ms * NS), np.uint8)
        self._counters[:] = 0
        reason, out = self._program.run(frame, room)
        counted = self._counters.view(np.uint64)
        assert counted[reason] == 1 and counted.sum() == 1, f"not counted once: {counted.nonzero()} for {frame.hex()}"
        return Outcome(verdict(reason), REASONS[reason], out)


@contextmanager
def ebpf() -> Iterator[Ebpf]:
    """The eBPF engine, loaded; needs root."""
    with Datapath(objects.compiled(replace(FRONT, name="front_still", clock="table"))) as datapath:
        yield Ebpf(datapath)
