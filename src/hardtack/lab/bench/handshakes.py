"""What the first segments of connections cost, by handshake: a SYN answered with a cookie, with a challenge, or sent on.

The same program, frame and tables by turns; only the word of the host that says which handshake holds is another.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from ipaddress import IPv4Address, IPv6Address
from random import Random

import numpy as np
import numpy.typing as npt

from hardtack.compiler.objects import compiled
from hardtack.control.holdings import memory_of
from hardtack.control.proven import SourceTable, period_of
from hardtack.image import ONLY
from hardtack.kernel.datapath import Datapath
from hardtack.lab.addresses import SECOND, SERVER
from hardtack.lab.bench.frames import known, segment
from hardtack.lab.bench.front import SIZE, Front
from hardtack.lab.bench.kinds import MANY, VERSIONS
from hardtack.lab.namespaces import LabError
from hardtack.lab.packets.found import ORIGINAL, VARIED, Varied, original_of
from hardtack.lab.packets.recipe import LINUX_OPTIONS
from hardtack.packet.layout import CHALLENGE, COOKIE, HALF_OPEN, PASSING, Connection, Host
from hardtack.packet.programs import FRONT
from hardtack.packet.proven_tables import ALLOWANCE_BITS, Source
from hardtack.packet.reasons import Reason

RUNS = 8_000  # at a time: fewer than a connection may send at once (BURST), and opened connections displace nobody
SOURCES, TALKING = 1 << 12, 1 << 4  # that SYNs come from; of proven ones
FROM = {4: "129.0.255.255", 6: "2001:db8:f100::1"}  # of IPv4 see lab/packets/varied.py
PROGRAM = replace(
    FRONT, name="varied", entry="hardtack.lab.packets.varied:varied", tables=(*FRONT.tables, ORIGINAL, VARIED)
)
BENCH, DIRECT = 1, 2  # numbers of hosts
MISSED = 100  # one in so many may find another CPU's clock between two periods


@dataclass(frozen=True)
class Handshakes:
    """ns a frame, the least of several times RUNS. `opened`: a SYN of a proven source, sent on; `passed`: with `pass`.

    `known`: a segment of a known connection, sent on; `any`: of any of 1,000,000, for whose records the machine waits, as it
    does for a new one's place. `bytes`: of memory, a proven source.
    """

    version: int
    answered: int
    challenged: int
    opened: int
    passed: int
    known: int
    any: int
    bytes: float


@dataclass
class Turns:
    """A front with the program that varies its frame, and the words that say which handshake holds."""

    front: Front
    program: Datapath
    words: npt.NDArray[np.uint64]
    mac: bytes
    version: int

    def run(self, handshake: int, reason: Reason, frame: bytes, sources: int = 0, connections: int = 0) -> int:
        """ns a frame. LabError if one was judged otherwise."""
        self.words[[BENCH, DIRECT]] = handshake
        self.program.tables[ORIGINAL.name].update(ONLY, original_of(2 * self.mac + frame[2 * len(self.mac) :]))
        order = self.program.tables[VARIED.name]
        record = np.frombuffer(order.lookup(ONLY) or b"", Varied).copy()
        record["sources"], record["shift"], record["connections"] = sources, max(0, sources.bit_length() - 1), connections
        order.update(ONLY, record.tobytes())
        before = self.front.reasons()[reason]
        ran = self.program.program.test_run(2 * self.mac + frame[2 * len(self.mac) :], RUNS)
        if self.front.reasons()[reason] - before < RUNS - RUNS // MISSED:
            raise LabError(f"the bench's SYNs are not judged as they should be: not {reason.name}")
        self.forget()
        return ran.nanoseconds

    def forget(self) -> None:
        """What was opened is no more, or the table would be full of it."""
        rows = np.frombuffer(self.front.tables["connections"].memory(), Connection)
        tags = np.frombuffer(self.front.tables["tags"].memory(), np.uint8)[: len(rows)]
        tags[rows["state"] & HALF_OPEN != 0] = 0


def handshakes(front: Front, version: int, mac: bytes, attempts: int, told: Callable[[str], None]) -> Handshakes:
    """Of one IP version, with 1,000,000 known connections and as many proven sources in the tables."""
    each = 0 if version == 4 else 1
    syn = segment(version, LINUX_OPTIONS, source=(FROM[version], 40000), to=SERVER[each])
    straight = segment(version, LINUX_OPTIONS, source=(FROM[version], 40000), to=SECOND[each])
    with turns(front, version, mac) as by_turns:
        ways = {
            "answered": partial(by_turns.run, COOKIE, Reason.answered, syn, SOURCES),
            "challenged": partial(by_turns.run, CHALLENGE, Reason.challenged, syn, SOURCES),
            "opened": partial(by_turns.run, CHALLENGE, Reason.opened, straight, TALKING),
            "passed": partial(by_turns.run, PASSING, Reason.opened, straight, TALKING),
            "known": partial(by_turns.run, COOKIE, Reason.connection, known(version)),
            "any": partial(by_turns.run, COOKIE, Reason.connection, known(version), 0, MANY),
        }
        least = dict.fromkeys(ways, 1 << 30)
        for number in range(attempts):
            told(f"handshakes, {VERSIONS[version]}, {number + 1} of {attempts}")
            for name, way in ways.items():
                prove(front, version, None if name == "challenged" else TALKING)
                least[name] = min(least[name], way())
    memory = sum(memory_of(front.tables[name]) for name in ("proven", "proven_tags"))
    return Handshakes(version, **least, bytes=memory / SIZE)


@contextmanager
def turns(front: Front, version: int, mac: bytes) -> Iterator[Turns]:
    """All hosts make cookies again afterwards."""
    with Datapath(compiled(PROGRAM), front.tables) as program:
        words = np.frombuffer(front.tables["hosts"].memory(), Host)["handshake"]
        try:
            yield Turns(front, program, words, mac, version)
        finally:
            words[[BENCH, DIRECT]] = COOKIE


def prove(front: Front, version: int, callers: int | None) -> None:
    """Fill the table with sources that nobody hears of, and the first so many that SYNs come from. None: without these."""
    random = Random(1)
    places = front.tables["proven_places"].lookup(ONLY) or b""
    tables = (np.frombuffer(front.tables[name].memory(), np.uint8) for name in ("proven_tags", "proven"))
    table = SourceTable(places, *tables)
    table.tags[:] = 0
    period = period_of(time.monotonic_ns() // 1_000_000)
    rows = np.zeros(SIZE, Source)
    rows["high"] = np.frombuffer(random.randbytes(8 * SIZE), np.uint64)
    rows["low"] = np.arange(SIZE)
    if callers:
        rows["high"][:callers], rows["low"][:callers] = zip(*(words_of(version, n) for n in range(callers)), strict=True)
    rows["used"], rows["earned"] = period, ALLOWANCE_BITS
    table.fill(rows, period)


def words_of(version: int, number: int) -> tuple[int, int]:
    """The address of a caller, as a Flow has it: see lab/packets/varied.py."""
    if version == 4:
        packed = bytes(10) + b"\xff\xff" + (IPv4Address(int(IPv4Address(FROM[4])) + (number << 16) - number)).packed
    else:
        packed = IPv6Address(int(IPv6Address(FROM[6])) & ~0xFFFFFFFF | number).packed
    return int.from_bytes(packed[:8], "little"), int.from_bytes(packed[8:], "little")
