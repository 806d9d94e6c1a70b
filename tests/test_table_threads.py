"""The connection table under several threads at once, each with the very machine code that a worker runs: nothing is lost.

ctypes lets go of the interpreter while the code runs, so the threads really meet; each turns tens of thousands of times in
one call. The memory of the table is theirs together, as it is the CPUs' of a front.
"""

from __future__ import annotations

import struct
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
from parts.worker import CHURN, COUNT, DELETE, DONE, INSERT, MIX
from tables_under_test import places_entry

from hardtack.compiler.native import NativeProgram
from hardtack.compiler.program import Source
from hardtack.control.connections import ConnectionTable
from hardtack.packet.layout import (
    CONNECTIONS,
    MARKS,
    PLACES,
    POLICY,
    PREFIXES,
    SEARCH,
    SHARES,
    TAGS,
    WALK,
    WAYS,
    Connection,
)

OWN = (WALK, SEARCH, SHARES, PREFIXES, POLICY)  # each CPU's, but for the last, which says nothing here
SOURCE = Source("part_worker", "parts.worker:worker", "xdp", (PLACES, MARKS, TAGS, CONNECTIONS, *OWN))
BUCKETS = 4096
SEATS = BUCKETS * WAYS
THREADS = 4
ROOM = SEATS // 2  # so many never fill both of anybody's buckets

Job = tuple[int, int, int, int, int]  # what to do, the first number, how many, every how many, how often


class Table:
    """The table, and a program for each thread: what is a CPU's own is a thread's own.

    Its memory is really there before it is used, as the kernel's is: nobody has to wait for a page between two words.
    """

    def __init__(self, buckets: int = BUCKETS) -> None:
        self.memory = {
            "places": np.frombuffer(places_entry(buckets), np.uint8).copy(),
            "marks": np.zeros(MARKS.value_size * MARKS.entries, np.uint8),
            "tags": np.zeros(buckets * WAYS, np.uint8),
            "connections": np.full(buckets * WAYS * Connection.itemsize, 0, np.uint8),
        }
        self._programs = [
            NativeProgram(SOURCE, self.memory | {one.name: np.zeros(one.value_size * one.entries, np.uint8) for one in OWN})
            for _ in range(THREADS)
        ]

    def run(self, *jobs: Job) -> list[int]:
        """Each in a thread of its own, all at once: how many turns succeeded."""
        together = Barrier(len(jobs))

        def work(program: NativeProgram, job: Job) -> int:
            together.wait()
            result, out = program.run(struct.pack("<5Q", *job))
            assert result == DONE
            return int.from_bytes(out[:8], "little")

        with ThreadPoolExecutor(THREADS) as pool:
            return [*pool.map(work, self._programs, jobs)]

    def numbers(self) -> list[int]:
        """Of every record that has a tag."""
        records = self.memory["connections"].view(Connection)[np.flatnonzero(self.memory["tags"])]
        assert (records["next"] * np.uint32(MIX) == records["ports"]).all(), "a record is of two connections"
        numbers: list[int] = records["next"].tolist()
        return numbers


def shares(what: int, first: int, total: int) -> list[Job]:
    """Neighbouring numbers to different threads, which come by at the same time."""
    return [(what, first + thread, total // THREADS, THREADS, 1) for thread in range(THREADS)]


@pytest.fixture
def table() -> Table:
    return Table()


def test_all_that_was_put_in_is_found_and_all_that_was_taken_out_is_not(table: Table) -> None:
    for first in range(0, 20 * ROOM, ROOM):
        put_in = sum(table.run(*shares(INSERT, first, ROOM)))
        # Whom another was in the way of, twice in a row, was told so; that is all but nobody
        assert put_in >= 0.99 * ROOM
        assert sum(table.run(*shares(COUNT, first, ROOM))) == put_in
        assert sum(table.run(*shares(DELETE, first, ROOM))) == put_in
        left = table.numbers()
        assert len(left) <= 0.01 * ROOM
        table.run((DELETE, first, ROOM, 1, 1))  # by one alone, nothing stays
        assert not table.numbers()


def test_nobody_is_lost_while_others_come_and_go(table: Table) -> None:
    """One thread looks at its connections again and again while the others' come and go beside them."""
    assert table.run((INSERT, 1, ROOM // 4, 1, 1)) == [ROOM // 4]
    others = [(CHURN, SEATS * (1 + thread), ROOM // 8, 1, 300) for thread in range(THREADS - 1)]
    looked, *churned = table.run((COUNT, 1, ROOM // 4, 1, 200), *others)
    assert looked == ROOM // 4 * 200
    assert all(turns > 0.99 * ROOM // 8 * 300 for turns in churned), churned


def test_the_same_connections_in_all_threads_at_once(table: Table) -> None:
    """Two programs may learn of a connection at the same moment. At worst it is there twice, until each has been ended."""
    same = ROOM // 4
    table.run(*[(INSERT, 1, same, 1, 1)] * THREADS)
    assert table.run(*[(COUNT, 1, same, 1, 1)] * THREADS) == [same] * THREADS
    numbers = table.numbers()
    assert len(set(numbers)) == same and len(numbers) <= THREADS * same
    table.run((DELETE, 1, same, 1, THREADS))
    assert not table.numbers()


def test_a_full_table_stays_whole() -> None:
    """Ten times as many as there is room for, then all of it at random: whatever is there is somebody's, and whole."""
    table = Table(buckets=64)
    seats, total = 64 * WAYS, 640 * WAYS
    table.run(*shares(INSERT, 1, total))
    assert len(table.numbers()) == seats
    table.run(*[(CHURN, 1 + thread, total, 1, 20) for thread in range(THREADS)])
    assert 0 < len(table.numbers()) <= seats
    for _ in range(THREADS):
        table.run((DELETE, 1, total + THREADS, 1, 1))
    assert not table.numbers()


def test_whoever_looks_from_outside_is_not_disturbed(table: Table) -> None:
    """`hardtack connections` reads while connections come and go; NumPy refuses to search what changes under its hands."""
    outside = ConnectionTable(table.memory["places"].tobytes(), table.memory["tags"], table.memory["connections"])
    jobs = [(CHURN, SEATS * thread, ROOM // 4, 1, 100) for thread in range(1, THREADS)]
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(table.run, *jobs)
        while not running.done():
            assert len(outside.live()) <= SEATS
        running.result()
