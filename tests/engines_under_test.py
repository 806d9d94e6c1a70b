"""The packet programs three times over: eBPF in the kernel, native code, the naive twin. A frame in, an outcome out.

eBPF runs by BPF_PROG_TEST_RUN, with its clocks held at the `clock` table so that a moment is exact. What it thought of a
frame is read where an operator reads it, in the counters. Only what an engine can be made to show is compared: the reason,
whose counter has it, the bytes of the frame as it leaves, and the table of connections; of eBPF, and of a worker of the
af_xdp engine (workers_under_test.py), also the action.

Each has several CPUs, on which frames are seen: `cpu`. Native code is linked once for each, to what is that CPU's own and
to what is all CPUs'; of eBPF they are this machine's.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from naive import world
from naive.decide import decide, learn
from naive.forward import Action
from naive.moment import Moment
from naive.parse import network
from naive.prefixes import mixed
from naive.prefixes import network as prefix
from naive.state import WAYS, Name, State
from naive.world import NUMBERS
from tables_under_test import (
    BUCKETS,
    LO,
    SOURCE_BUCKETS,
    Updates,
    budgets,
    handshakes,
    known,
    laid_of,
    places_entry,
    policy_entry,
    proven,
    source_places_entry,
    updates,
    ways,
)

from hardtack.compiler import objects
from hardtack.compiler.native import NativeProgram
from hardtack.compiler.program import Source
from hardtack.engines import xdp
from hardtack.image import MMAPABLE, Table
from hardtack.kernel.datapath import Datapath
from hardtack.kernel.maps import Map
from hardtack.packet import layout
from hardtack.packet.entries import ONLY, clock_entry
from hardtack.packet.programs import FRONT, FRONT_IP_RULED, FRONT_REASON, FRONT_RULED, INSIDE, INSIDE_REASON, LEAVING
from hardtack.packet.proven_tables import PROVEN_WAYS
from hardtack.packet.reasons import FRONT_REASONS, Reason, Verdict, verdict
from hardtack.packet.rule_tables import AFTER_RULES, Tally
from hardtack.pcap.libpcap import compile
from hardtack.pcap.native import Matcher

# Where a frame is seen: from the internet; from a host, at an inside interface; on its way out to the internet, from a host
# or this machine; likewise, though it came in by that very interface
Side = Literal["outside", "inside", "leaving", "looped"]

XDP_ACTIONS = {
    2: Action.kernel,
    1: Action.drop,
    3: Action.back,
    4: Action.exit,
}  # enum xdp_action: PASS DROP TX REDIRECT
TCX_ACTIONS = {-1: Action.kernel, 2: Action.drop, 7: Action.back}  # enum tcx_action_base: NEXT DROP REDIRECT
ACTIONS = {"xdp": XDP_ACTIONS, "tcx": TCX_ACTIONS}
REASONS = {int(reason): reason for reason in Reason}
SHORTEST = 14  # bytes; BPF_PROG_TEST_RUN takes no shorter frame
NS = 1_000_000  # in a millisecond
PLENTY = 256  # bytes that a frame may grow by: more than any answer needs
LIMITS = range(NUMBERS * layout.BUDGETS_EACH)  # budgets of any test
SIZES = {"tags": BUCKETS, "connections": BUCKETS * WAYS, "counters": NUMBERS, "budgets": len(LIMITS), "shares": len(LIMITS)}
SIZES |= {"ports": NUMBERS * layout.PORT_WORDS, "proven_tags": SOURCE_BUCKETS, "proven": SOURCE_BUCKETS * PROVEN_WAYS}
PER_CPU = ("shares", "crowds", "prefixes", "asked", "rule_counters")  # what a CPU remembers
RULES = range(64)  # numbers of any test


@dataclass(frozen=True)
class Outcome:
    """What became of a frame. Native code alone does not show the action."""

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


def monotonic(now_ms: int, ms: int | None) -> int:
    """The monotonic clock: if nothing is said of it, unix time, as far as 64 bits of ns go."""
    return now_ms % (1 << 44) if ms is None else ms


def write(tables: Mapping[str, Map], entries: Updates) -> None:
    """How the kernel's tables begin; of what can be mapped, a value may be the beginning of all."""
    for name, key, value in entries:
        table = tables[name]
        if table.table.flags & MMAPABLE and len(value) != table.table.value_size:
            table.memory()[: len(value)] = value
        else:
            table.update(key, value)


class Twin:
    """The naive twin, and the state that it changes."""

    def __init__(self, state: State | None = None) -> None:
        self.state = state or world.state()

    def run(
        self, frame: bytes, now_ms: int, side: Side = "outside", room: int = PLENTY, *, cpu: int = 0, ms: int | None = None
    ) -> Outcome:
        """One frame at one moment; `ms`: the monotonic clock, if it is not to say the same as unix time."""
        moment = Moment(now_ms, monotonic(now_ms, ms), cpu)
        if side == "outside":
            made = decide(self.state, frame, moment, room)
        else:
            made = learn(self.state, frame, moment, leaving=side != "inside", looped=side == "looped")
        return Outcome(made.reason, made.number, made.frame, made.action)


class Ebpf:
    """The very programs that `hardtack front` attaches, but for their clock. Frames of at least SHORTEST bytes.

    Only in `ebpf`, which lets the process go back to its CPUs afterwards.
    """

    def __init__(self, programs: dict[Side, Datapath], tables: dict[str, Map], state: State) -> None:
        self._programs, self._tables = programs, tables
        self._clock, self._cpu = (-1, -1), -1
        self._cpus = sorted(os.sched_getaffinity(0))
        self._touched: set[int] = set()  # cells of prefixes: there are too many to clear them all
        self._write(updates(state))
        for place in range(layout.MOST_EXITS):
            self._tables["devices"].update(place.to_bytes(4, "little"), LO.to_bytes(4, "little"))
        self._tags = np.frombuffer(self._tables["tags"].memory(), np.uint8)
        self._connections = np.frombuffer(self._tables["connections"].memory(), np.uint8)
        self._sources = np.frombuffer(self._tables["proven"].memory(), np.uint8)
        self._source_tags = np.frombuffer(self._tables["proven_tags"].memory(), np.uint8)
        self._hosts = np.frombuffer(self._tables["hosts"].memory(), np.uint8)
        self._wanted = np.frombuffer(self._tables["wanted"].memory(), layout.Wanted)
        self._keys = [number.to_bytes(4, "little") for number in range(NUMBERS)]
        self._counted = [self._tables["counters"].lookup_all(key) for key in self._keys]

    @property
    def cpus(self) -> int:
        """How many there are."""
        return len(self._cpus)

    def run(
        self, frame: bytes, now_ms: int, side: Side = "outside", *, cpu: int = 0, ms: int | None = None
    ) -> Outcome:
        """One frame at one moment, and what it was counted under: exactly one reason of one host, exactly once."""
        clock = now_ms, monotonic(now_ms, ms)
        if clock != self._clock:
            self._tables["clock"].update(ONLY, clock_entry(clock[0] * NS, clock[1] * NS))
            self._clock = clock
        if cpu != self._cpu:
            os.sched_setaffinity(0, {self._cpus[cpu]})
            self._cpu = cpu
        self._touched |= cells_of(frame)
        leaves = side in ("leaving", "looped")
        program = self._programs["leaving" if leaves else side].program
        ran = program.test_run(frame, ifindex=LO if side == "looped" else 0)
        number, reason = self._grown(frame)
        action = ACTIONS[program.image.kind][ran.verdict]
        assert not leaves or action == Action.kernel, ran.verdict
        return Outcome(reason, number, ran.frame, action)

    def _grown(self, frame: bytes) -> tuple[int, Reason]:
        grown = []
        for number, key in enumerate(self._keys):
            counted = self._tables["counters"].lookup_all(key)
            if counted != self._counted[number]:
                more = (summed(counted) - summed(self._counted[number])).reshape(FRONT_REASONS, 2)
                grown += [(number, int(reason), *map(int, more[reason])) for reason in np.flatnonzero(more[:, 0])]
                self._counted[number] = counted
        assert len(grown) == 1 and grown[0][2:] == (1, len(frame)), f"not counted once: {grown} for {frame.hex()}"
        return grown[0][0], REASONS[grown[0][1]]

    def known(self) -> dict[Name, str]:
        """The table of connections."""
        return known(self._tags, self._connections)

    def proven(self) -> dict[bytes, str]:
        """The table of proven sources."""
        return proven(self._source_tags, self._sources)

    def tallies(self) -> dict[int, tuple[int, ...]]:
        """What rules have matched, by number."""
        table = self._tables["rule_counters"]
        found = {number: tallies_of(table.lookup_all(number.to_bytes(4, "little"))) for number in RULES}
        return {number: tally for number, tally in found.items() if number and any(tally)}

    def noted(self) -> set[bytes]:
        """Addresses that are to be learned."""
        return noted(self._wanted)

    def set_policy(self, state: State) -> None:
        """What holds for all hosts together, and of the interfaces, as it is in the state."""
        self._tables["policy"].update(ONLY, policy_entry(state))
        handshakes(state, self._hosts)
        self._write(ways(state))

    def _write(self, entries: Updates) -> None:
        write(self._tables, entries)

    def set_buckets(self, buckets: int) -> None:
        """So many of the table are in use."""
        self._tables["places"].update(ONLY, places_entry(buckets))

    def set_source_buckets(self, buckets: int) -> None:
        """So many of that of proven sources."""
        self._tables["proven_places"].update(ONLY, source_places_entry(buckets))

    def forget(self) -> None:
        """As if it had seen nothing yet."""
        self._tags[:], self._source_tags[:] = 0, 0
        self._wanted["notes"] = 0
        for name in ("rule_buckets", "rule_sources"):
            if name in self._tables:
                np.frombuffer(self._tables[name].memory(), np.uint8)[:] = 0
        numbers = {"budgets": LIMITS, "shares": LIMITS, "prefixes": self._touched, "rule_counters": RULES}
        for name in ("budgets", *PER_CPU):
            table = self._tables[name]
            for number in numbers.get(name, [0]):
                table.update(number.to_bytes(4, "little"), bytes(table.table.value_size))
        self._touched.clear()


def cells_of(frame: bytes) -> set[int]:
    """Of the prefixes of a frame's source."""
    packet = network(frame)
    if isinstance(packet, Reason):
        return set()
    prefixes = [prefix(packet.source), *([packet.source[:8]] if packet.version == 6 else [])]
    return {mixed(world.FACTORS, one) >> 52 for one in prefixes}


def summed(rows: list[bytes]) -> npt.NDArray[np.int64]:
    """A host's counters, frames and bytes, all CPUs added up."""
    total: npt.NDArray[np.int64] = np.frombuffer(b"".join(rows), np.int64).reshape(len(rows), -1).sum(axis=0)
    return total


Tables = dict[str, npt.NDArray[np.uint8]]


class Native:
    """The same programs as machine code, over tables in this process's memory. Frames of any length, any number of CPUs."""

    SOURCES = (FRONT_REASON, INSIDE_REASON)
    PROGRAM: type[NativeProgram] = NativeProgram

    def __init__(self, state: State | None = None) -> None:
        self._kinds = {table.name: table for source in self.SOURCES for table in source.tables}
        self.tables = {name: self.memory(name) for name, table in self._kinds.items() if not is_own(table)}
        self._write(updates(state or world.state()))
        self._matchers = [
            (slot, Matcher([compile(text) for text in expressions]))
            for expressions, slot in laid_of(state or world.state()).slots.items()
        ]
        for slot, matcher in self._matchers:
            self.tables["rule_programs"].view(np.uint64)[slot] = matcher.address
        self._own: dict[int, Tables] = {}
        self._linked: dict[tuple[int, Source], NativeProgram] = {}

    def run(
        self, frame: bytes, now_ms: int, side: Side = "outside", room: int = PLENTY, *, cpu: int = 0, ms: int | None = None
    ) -> Outcome:
        """One frame at one moment, which may grow by `room` bytes. What leaves is seen as at an inside interface."""
        program, own = self._on(cpu, FRONT_REASON if side == "outside" else INSIDE_REASON)
        clock = clock_entry(now_ms * NS, monotonic(now_ms, ms) * NS)
        self.tables["clock"][:] = np.frombuffer(clock, np.uint8)
        counters = own["counters"].view(np.uint64).reshape(NUMBERS, FRONT_REASONS, 2)
        counters[:] = 0
        reason, out = program.run(frame, room, LO)
        counted = [(int(number), int(place)) for number, place in np.argwhere(counters[:, :, 0])]
        once = (counters[:, :, 0].sum(), counters[:, :, 1].sum()) == (1, len(frame))
        assert once and len(counted) == 1, f"not counted once: {counted} for {frame.hex()}"
        number, place = counted[0]
        assert place == reason, f"{REASONS[reason]} counted under {REASONS[place]} for {frame.hex()}"
        return Outcome(REASONS[reason], number, out)

    def _on(self, cpu: int, source: Source) -> tuple[NativeProgram, Tables]:
        if cpu not in self._own:
            self._own[cpu] = {name: self.memory(name) for name, table in self._kinds.items() if is_own(table)}
        if (cpu, source) not in self._linked:
            tables = self.tables | self._own[cpu]
            self._linked[cpu, source] = self.PROGRAM(source, {table.name: tables[table.name] for table in source.tables})
        return self._linked[cpu, source], self._own[cpu]

    def memory(self, name: str) -> npt.NDArray[np.uint8]:
        """An empty table."""
        return memory(name, self._kinds)

    def own(self, cpu: int) -> Tables:
        """The tables that a CPU has to itself."""
        return self._own[cpu]

    def budgets(self, cpu: int) -> dict[str, dict[int, tuple[int, ...]]]:
        """What a CPU remembers of budgets and prefixes."""
        return budgets(self.tables | self._own[cpu], LIMITS)

    def known(self) -> dict[Name, str]:
        """The table of connections."""
        return known(self.tables["tags"], self.tables["connections"])

    def proven(self) -> dict[bytes, str]:
        """The table of proven sources."""
        return proven(self.tables["proven_tags"], self.tables["proven"])

    def tallies(self) -> dict[int, tuple[int, ...]]:
        """What rules have matched, by number."""
        size = Tally.itemsize
        rows = {n: [own["rule_counters"][n * size : (n + 1) * size].tobytes() for own in self._own.values()] for n in RULES}
        found = {number: tallies_of(row) for number, row in rows.items() if row}
        return {number: tally for number, tally in found.items() if number and any(tally)}

    def noted(self) -> set[bytes]:
        """Addresses that are to be learned."""
        return noted(self.tables["wanted"].view(layout.Wanted))

    def set_policy(self, state: State) -> None:
        """What holds for all hosts together, and of the interfaces, as it is in the state."""
        self.tables["policy"][:] = np.frombuffer(policy_entry(state), np.uint8)
        handshakes(state, self.tables["hosts"])
        self._write(ways(state))

    def _write(self, entries: Updates) -> None:
        for table, key, value in entries:
            start = int.from_bytes(key, "little") * len(value)
            self.tables[table][start : start + len(value)] = np.frombuffer(value, np.uint8)

    def set_buckets(self, buckets: int) -> None:
        """So many of the table are in use."""
        self.tables["places"][:] = np.frombuffer(places_entry(buckets), np.uint8)

    def set_source_buckets(self, buckets: int) -> None:
        """So many of that of proven sources."""
        self.tables["proven_places"][:] = np.frombuffer(source_places_entry(buckets), np.uint8)

    def forget(self) -> None:
        """As if it had seen nothing yet."""
        for table in ("tags", "proven_tags", "budgets", "rule_buckets", "rule_sources"):
            self.tables[table][:] = 0
        self.tables["wanted"].view(layout.Wanted)["notes"] = 0
        for own in self._own.values():
            for table in PER_CPU:
                own[table][:] = 0

    def close(self) -> None:
        """Let go of what is not just memory."""


def is_own(table: Table) -> bool:
    """Whether each CPU has it to itself."""
    return table.kind == "percpu_array"


def memory(name: str, kinds: dict[str, Table]) -> npt.NDArray[np.uint8]:
    """An empty table."""
    size = 8 if kinds[name].kind == "prog_array" else kinds[name].value_size  # of functions: their addresses
    return np.zeros(size * SIZES.get(name, kinds[name].entries), np.uint8)


@contextmanager
def ebpf(state: State | None = None, outside: Source = FRONT, inside: Source = INSIDE) -> Iterator[Ebpf]:
    """The eBPF engine, loaded; needs root. Meanwhile this process is where its frames are."""
    allowed = os.sched_getaffinity(0)
    with ExitStack() as stack:
        stack.callback(os.sched_setaffinity, 0, allowed)
        programs: dict[Side, Datapath] = {}
        tables: dict[str, Map] = {}
        for side, source in (("outside", outside), ("inside", inside), ("leaving", LEAVING)):
            image = objects.compiled(replace(source, name=f"{source.name}_still", clock="table"))
            programs[side] = stack.enter_context(Datapath(image, tables, SIZES))  # type: ignore[index]
            tables |= programs[side].tables  # type: ignore[index]
        load_rules(stack, tables, outside, state or world.state())
        yield Ebpf(programs, tables, state or world.state())


def load_rules(stack: ExitStack, tables: dict[str, Map], outside: Source, state: State) -> None:
    """The front's second program, and those that lead there."""
    after = FRONT_RULED if outside.kind == "xdp" else FRONT_IP_RULED
    image = objects.compiled(replace(after, name=f"{after.name}_still", clock="table"))
    loaded = {AFTER_RULES: stack.enter_context(Datapath(image, tables, SIZES))}
    tables |= loaded[AFTER_RULES].tables
    for expressions, slot in laid_of(state).slots.items():
        made = xdp.rule_image([compile(text) for text in expressions], outside.kind)
        loaded[slot] = stack.enter_context(Datapath(made, tables))
    jumps = tables["rule_programs" if outside.kind == "xdp" else "rule_programs_ip"]
    for slot, path in loaded.items():
        jumps.update(slot.to_bytes(4, "little"), path.program.fd.to_bytes(4, "little"))


def noted(wanted: npt.NDArray[np.void]) -> set[bytes]:
    """The addresses in the table `wanted`."""
    notes = wanted["notes"][0]
    return {one["high"].tobytes() + one["low"].tobytes() for one in notes[notes["state"] & layout.NOTED != 0]}


def tallies_of(rows: list[bytes]) -> tuple[int, ...]:
    """A rule's tally: frames and bytes, and those beyond its rate."""
    return tuple(map(int, np.frombuffer(b"".join(rows), np.uint64).reshape(len(rows), -1).sum(axis=0)[:4]))
