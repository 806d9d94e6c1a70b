"""Marks made anew: of a connection that is there none is ever missing, of those that are gone none is left."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest
from kernel_ground import needs_root
from parts.seats import DONE, SIZE
from parts.worker import CHURN, COUNT, INSERT
from test_connections import NOW, Name, many, names_in, version
from test_connections import SOURCE as SEATS
from test_table_threads import BUCKETS, ROOM, Table
from test_table_threads import SEATS as PLACES_IN_ALL

from hardtack.compiler import objects
from hardtack.compiler.native import NativeProgram
from hardtack.control.connections import ConnectionTable, mark_words, places_entry
from hardtack.control.marking import WORTH, Marking
from hardtack.control.succession import open_table
from hardtack.image import ONLY
from hardtack.kernel.datapath import Datapath
from hardtack.packet.layout import FEWEST_MARKS, STRETCH, SWEEP, WAYS, Places
from hardtack.packet.programs import SWEEPER

LARGE = 25_000  # buckets: some hundred thousand connections, so that their marks can be seen among a million


class Front(NamedTuple):
    """A table in the kernel, a program that looks connections up in it and remembers them, and one that sweeps it."""

    table: ConnectionTable
    seats: Datapath
    sweeper: Datapath

    def marking(self) -> Marking:
        """What keeps its marks, just begun."""
        return Marking(self.sweeper.tables, self.sweeper.program)

    def knows(self, name: Name) -> bool:
        """Whether the program finds it; it remembers it if not."""
        ran = self.seats.program.test_run(struct.pack("<7Q", version(name), *name, NOW & 0xFFFFFFFF).ljust(SIZE, b"\0"))
        assert ran.verdict == DONE
        return bool(struct.unpack_from("<q", ran.frame, 24)[0] >= 0)


@pytest.fixture(params=[FEWEST_MARKS, 2 * FEWEST_MARKS])
def front(request: pytest.FixtureRequest) -> Iterator[Front]:
    sizes = {"tags": LARGE, "connections": LARGE * WAYS, "marks": mark_words(request.param)}
    with Datapath(objects.compiled(SEATS), sizes=sizes) as seats:
        seats.tables["places"].update(ONLY, places_entry(LARGE, request.param))
        with Datapath(objects.compiled(SWEEPER), seats.tables) as sweeper:
            yield Front(open_table(seats.tables), seats, sweeper)


def needed(table: ConnectionTable) -> npt.NDArray[np.uint64]:
    """A set with the marks of the connections there are, and no others."""
    bare = ConnectionTable(table.places.tobytes(), table.tags, table.rows)
    bare.mark(table.live())
    marks: npt.NDArray[np.uint64] = bare.marks[0]
    return marks


@needs_root
def test_what_is_gone_is_unmarked_and_what_is_there_is_found(front: Front) -> None:
    rows = many(LARGE * WAYS * 2 // 3)
    front.table.fill(rows, NOW)
    assert abs(front.marking().idle()) < WORTH
    front.table.tags[LARGE // 10 :] = 0
    assert front.marking().idle() > WORTH
    front.marking().renew()
    assert np.array_equal(front.table.marks[1], needed(front.table))
    assert abs(front.marking().idle()) < WORTH
    live = names_in(front.table.live())
    assert all(front.knows(name) for name in live[::7])


@needs_root
def test_who_comes_after_it_is_found_after_the_next(front: Front) -> None:
    first, second = names_in(many(200, seed=1)), names_in(many(200, seed=2))
    assert not any(front.knows(name) for name in first)
    front.marking().renew()
    assert not any(front.knows(name) for name in second)
    for fresh in (0, 1, 0):
        front.marking().renew()
        assert np.array_equal(front.table.marks[fresh], needed(front.table))
        assert all(front.knows(name) for name in first + second)


@needs_root
def test_it_is_done_only_where_it_is_worth_it(front: Front) -> None:
    marks = front.table.marks
    marks[0, : int(WORTH * marks.shape[1])] = (1 << 64) - 1
    front.marking().write()
    assert front.marking().idle() == WORTH
    marks[0, -1] = 1
    front.marking().write()
    assert front.marking().idle() == 0
    assert marks[0, -1]  # it is the other set that is looked at now


def test_nobody_is_missed_while_others_come_and_go_and_the_marks_are_made_anew() -> None:
    """Made anew once in each round: who has begun to look at one set of marks must find it whole until it has looked."""
    table = Table()
    memory = table.memory | {SWEEP.name: np.zeros(SWEEP.value_size, np.uint8)}
    sweeper = NativeProgram(SWEEPER, memory)
    places, marks = memory["places"].view(Places), memory["marks"].view(np.uint64).reshape(2, -1)
    outside = ConnectionTable(places.tobytes(), memory["tags"], memory["connections"])
    assert table.run((INSERT, 1, ROOM // 4, 1, 1)) == [ROOM // 4]
    others = [(CHURN, PLACES_IN_ALL * (1 + thread), ROOM // 8, 1, 50) for thread in range(3)]
    for number in range(8):
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(table.run, (COUNT, 1, ROOM // 4, 1, 50), *others)
            fresh = (number + 1) % 2
            marks[fresh] = 0
            memory[SWEEP.name][:] = 0
            for _ in range(BUCKETS * WAYS // STRETCH):
                sweeper.run(bytes(64))
            places["marks"] = fresh
            assert running.result()[0] == ROOM // 4 * 50
        wanted = needed(outside)
        assert np.array_equal(marks[fresh] & wanted, wanted)
