"""The packet programs three times over: eBPF in the kernel, native code, the naive twin. A frame in, an outcome out.

eBPF runs by BPF_PROG_TEST_RUN, with its clock held at the `clock` table so that a moment is exact. What it thought of a
frame is read where an operator reads it, in the counters. Only what an engine can be made to show is compared: the reason,
whose counter has it, the bytes of the frame as it leaves, and the table of connections; of eBPF also the action.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from naive import world
from naive.decide import decide, learn
from naive.forward import Action
from naive.state import Name, State
from naive.world import NUMBERS
from tables_under_test import BUCKETS, known, places_entry, policy_entry, updates

from hardtack.compiler import objects
from hardtack.compiler.native import NativeProgram
from hardtack.kernel.datapath import Datapath
from hardtack.packet import layout
from hardtack.packet.entries import ONLY, clock_entry
from hardtack.packet.layout import WAYS
from hardtack.packet.programs import FRONT, FRONT_REASON, INSIDE, INSIDE_REASON, LEAVING
from hardtack.packet.reasons import REASONS as NUMBER_OF_REASONS
from hardtack.packet.reasons import Reason, Verdict, verdict

# Where a frame is seen: from the internet; from a host, at an inside interface; from a host or this machine, on its way out
Side = Literal["outside", "inside", "leaving"]

XDP_ACTIONS = {
    2: Action.kernel,
    1: Action.drop,
    3: Action.back,
    4: Action.exit,
}  # enum xdp_action: PASS DROP TX REDIRECT
TCX_NEXT = -1
REASONS = {int(reason): reason for reason in Reason}
SHORTEST = 14  # bytes; BPF_PROG_TEST_RUN takes no shorter frame
NS = 1_000_000  # in a millisecond
PLENTY = 256  # bytes that a frame may grow by: more than any answer needs
LO = 1  # an interface that every namespace has; no test sends anything by it
SIZES = {"tags": BUCKETS, "connections": BUCKETS * WAYS, "counters": NUMBERS}
LIMITS = [*range(NUMBERS), layout.LEARNING]  # budgets that a test may touch


@dataclass(frozen=True)
class Outcome:
    """What became of a frame. Native code does not show the action."""

    reason: Reason
    number: int
    frame: bytes
    action: Action | None = field(default=None, compare=False)

    @property
    def verdict(self) -> Verdict:
        """The reason's."""
        return verdict(self.reason)

    def __str__(self) -> str:
        return f"{self.verdict.name} {self.reason.name} host {self.number} {self.frame.hex()}"


class Twin:
    """The naive twin, and the state that it changes."""

    def __init__(self, state: State | None = None) -> None:
        self.state = state or world.state()

    def run(self, frame: bytes, now_ms: int, side: Side = "outside", room: int = PLENTY) -> Outcome:
        """One frame at one moment."""
        made = decide(self.state, frame, now_ms, room) if side == "outside" else learn(self.state, frame, now_ms)
        return Outcome(made.reason, made.number, made.frame, made.action)


class Ebpf:
    """The very programs that `hardtack front` attaches, but for their clock. Frames of at least SHORTEST bytes.

    A process should stay on one CPU (see `one_cpu`) where budgets matter: each has its own share of them.
    """

    def __init__(self, programs: dict[Side, Datapath], state: State) -> None:
        self._programs = programs
        self._tables = programs["outside"].tables
        self._now_ms = -1
        for table, key, value in updates(state):
            self._tables[table].update(key, value)
        for place in state.exits:
            self._tables["devices"].update(place.to_bytes(4, "little"), LO.to_bytes(4, "little"))
        self._tags = np.frombuffer(self._tables["tags"].memory(), np.uint8)
        self._connections = np.frombuffer(self._tables["connections"].memory(), np.uint8)
        self._keys = [number.to_bytes(4, "little") for number in range(NUMBERS)]
        self._counted = [self._tables["counters"].lookup_all(key) for key in self._keys]

    def run(self, frame: bytes, now_ms: int, side: Side = "outside") -> Outcome:
        """One frame at one moment, and what it was counted under: exactly one reason of one host, exactly once."""
        if now_ms != self._now_ms:
            self._tables["clock"].update(ONLY, clock_entry(now_ms * NS))
            self._now_ms = now_ms
        ran = self._programs[side].program.test_run(frame)
        number, reason = self._grown(frame)
        assert side != "leaving" or ran.verdict == TCX_NEXT, ran.verdict
        return Outcome(reason, number, ran.frame, XDP_ACTIONS[ran.verdict] if side != "leaving" else Action.kernel)

    def _grown(self, frame: bytes) -> tuple[int, Reason]:
        grown = []
        for number, key in enumerate(self._keys):
            counted = self._tables["counters"].lookup_all(key)
            if counted != self._counted[number]:
                more = summed(counted) - summed(self._counted[number])
                grown += [(number, int(reason), int(more[reason])) for reason in np.flatnonzero(more)]
                self._counted[number] = counted
        assert len(grown) == 1 and grown[0][2] == 1, f"not counted once: {grown} for {frame.hex()}"
        return grown[0][0], REASONS[grown[0][1]]

    def known(self) -> dict[Name, str]:
        """The table of connections."""
        return known(self._tags, self._connections)

    def set_policy(self, state: State) -> None:
        """What holds for all hosts together, as it is in the state."""
        self._tables["policy"].update(ONLY, policy_entry(state))

    def set_buckets(self, buckets: int) -> None:
        """So many of the table are in use."""
        self._tables["places"].update(ONLY, places_entry(buckets))

    def forget(self) -> None:
        """As if it had seen nothing yet."""
        self._tags[:] = 0
        for table in ("budgets", "shares"):
            for number in LIMITS:
                self._tables[table].update(number.to_bytes(4, "little"), bytes(self._tables[table].table.value_size))
        self._tables["crowds"].update(ONLY, bytes(layout.Crowds.itemsize))


def summed(rows: list[bytes]) -> npt.NDArray[np.int64]:
    """A host's counters, all CPUs added up."""
    total: npt.NDArray[np.int64] = np.frombuffer(b"".join(rows), np.int64).reshape(len(rows), -1).sum(axis=0)
    return total


class Native:
    """The same programs as machine code, over tables in this process's memory. Frames of any length."""

    def __init__(self, state: State | None = None) -> None:
        self.tables = {
            table.name: np.zeros(table.value_size * SIZES.get(table.name, table.entries), np.uint8)
            for table in FRONT_REASON.tables
        }
        for table, key, value in updates(state or world.state()):
            start = int.from_bytes(key, "little") * len(value)
            self.tables[table][start : start + len(value)] = np.frombuffer(value, np.uint8)
        self._counters = self.tables["counters"].view(np.uint64).reshape(NUMBERS, NUMBER_OF_REASONS)
        self._front = NativeProgram(FRONT_REASON, self.tables)
        self._inside = NativeProgram(
            INSIDE_REASON, {table.name: self.tables[table.name] for table in INSIDE_REASON.tables}
        )

    def run(self, frame: bytes, now_ms: int, side: Side = "outside", room: int = PLENTY) -> Outcome:
        """One frame at one moment, which may grow by `room` bytes."""
        self.tables["clock"][:] = np.frombuffer(clock_entry(now_ms * NS), np.uint8)
        self._counters[:] = 0
        reason, out = (self._front if side == "outside" else self._inside).run(frame, room)
        counted = [(int(number), int(place)) for number, place in np.argwhere(self._counters)]
        assert len(counted) == 1 and self._counters.sum() == 1, f"not counted once: {counted} for {frame.hex()}"
        number, place = counted[0]
        assert place == reason, f"{REASONS[reason]} counted under {REASONS[place]} for {frame.hex()}"
        return Outcome(REASONS[reason], number, out)

    def known(self) -> dict[Name, str]:
        """The table of connections."""
        return known(self.tables["tags"], self.tables["connections"])

    def set_policy(self, state: State) -> None:
        """What holds for all hosts together, as it is in the state."""
        self.tables["policy"][:] = np.frombuffer(policy_entry(state), np.uint8)

    def set_buckets(self, buckets: int) -> None:
        """So many of the table are in use."""
        self.tables["places"][:] = np.frombuffer(places_entry(buckets), np.uint8)

    def forget(self) -> None:
        """As if it had seen nothing yet."""
        for table in ("tags", "budgets", "shares", "crowds"):
            self.tables[table][:] = 0


@contextmanager
def ebpf(state: State | None = None) -> Iterator[Ebpf]:
    """The eBPF engine, loaded; needs root."""
    with ExitStack() as stack:
        programs: dict[Side, Datapath] = {}
        shared = None
        for side, source in (("outside", FRONT), ("inside", INSIDE), ("leaving", LEAVING)):
            image = objects.compiled(replace(source, name=f"{source.name}_still", clock="table"))
            programs[side] = stack.enter_context(Datapath(image, shared, SIZES))  # type: ignore[index]
            shared = shared or programs["outside"].tables
        yield Ebpf(programs, state or world.state())


@contextmanager
def one_cpu() -> Iterator[None]:
    """This process on one CPU."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
