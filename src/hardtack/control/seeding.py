"""Connections that were there before the front, brought into its table: packet/seed.py does it, this has it run.

A front that is switched on learns in the grace period who speaks. Who is silent then is known to others: to this machine's
sockets, if it is the host; to its conntrack, if it routes; to the hosts, whom people ask (`hardtack seed`). Nothing comes
from the network, and no connection is trusted for it: only its addresses and ports are known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from hardtack.control.connections import ROOM
from hardtack.image import Image
from hardtack.kernel import programs
from hardtack.kernel.maps import Map
from hardtack.kernel.programs import Program
from hardtack.packet.records import KNOWN_BEFORE, MOST_SEEDS, NO_ROOM, NOT_PROTECTED, OUTCOMES, SEEDED, Seed, Tray

NAME = 36  # bytes: the client's address, IPv4 mapped, and the host's; both ports; as on the wire, and in a Seed
SHARE = (3, 4)  # of the connections that a table is for: beyond that, newcomers would have to displace somebody sooner
BATCH = 4096  # of one look at how much room there is
NAMES_AT_ONCE = 1 << 16  # 2.25 MB


@dataclass(frozen=True)
class Planted:
    """What became of so many names. `seeded` are known now, `known` were before; `no_room`: the table has none for seeds."""

    seeded: int = 0
    known: int = 0
    no_room: int = 0
    not_protected: int = 0

    def __add__(self, other: Planted) -> Planted:
        return Planted(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))


class Seeder:
    """The program SEEDER, loaded with these tables of a front."""

    def __init__(self, program: Program, tables: Mapping[str, Map]) -> None:
        self._program = program
        self._tags = np.frombuffer(tables["tags"].memory(), np.uint8)
        self._most = tables["connections"].table.entries * ROOM[1] * SHARE[0] // (ROOM[0] * SHARE[1])

    def room(self) -> int:
        """How many seeds the table takes."""
        return max(0, self._most - int(np.count_nonzero(self._tags)))

    def plant(self, names: Iterable[bytes], now_ms: int) -> Planted:
        """Bring them in, as far as there is room. Each has NAME bytes; `now_ms`: monotonic. BpfError."""
        planted, names = Planted(), iter(names)
        while some := b"".join(islice(names, NAMES_AT_ONCE)):
            seeds, begin = seeds_of(some), 0
            while begin < len(seeds):
                room = self.room()
                batch = seeds[begin : begin + (min(room, BATCH) or BATCH)]
                planted += told(self._run(batch, now_ms, room > 0))
                begin += len(batch)
        return planted

    def _run(self, seeds: npt.NDArray[np.void], now_ms: int, has_room: bool) -> npt.NDArray[np.uint32]:
        """Their outcomes."""
        tray, size = np.array((now_ms, has_room), Tray).tobytes(), Seed.itemsize
        found, data = [], seeds.tobytes()
        for place in range(0, len(data), MOST_SEEDS * size):
            ran = self._program.test_run(tray + data[place : place + MOST_SEEDS * size])
            found.append(ran.frame[len(tray) :])
        outcomes: npt.NDArray[np.uint32] = np.frombuffer(b"".join(found), Seed)["outcome"]
        return outcomes


@contextmanager
def seeder(image: Image, tables: Mapping[str, Map]) -> Iterator[Seeder]:
    """At hand for a while. `image`: SEEDER's. VerifierRefusal, BpfError."""
    with programs.load(image, tables) as program:
        yield Seeder(program, tables)


def seeds_of(names: bytes) -> npt.NDArray[np.void]:
    """As records."""
    raw = np.frombuffer(names, np.uint8).reshape(-1, NAME)
    seeds = np.zeros(len(raw), Seed)
    seeds.view(np.uint8).reshape(-1, Seed.itemsize)[:, :NAME] = raw
    return seeds


def told(outcomes: npt.NDArray[np.uint32]) -> Planted:
    """How many there are of each."""
    counts = np.bincount(outcomes, minlength=OUTCOMES).tolist()
    return Planted(counts[SEEDED], counts[KNOWN_BEFORE], counts[NO_ROOM], counts[NOT_PROTECTED])
