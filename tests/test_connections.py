"""The connection table: seen from outside and by the packet program alike, filled in bulk as well as one by one."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from io import BytesIO
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_ground import needs_root
from parts.seats import DONE, SIZE

from hardtack.compiler import objects
from hardtack.compiler.native import NativeProgram
from hardtack.compiler.program import Source
from hardtack.control.connections import (
    PART,
    ConnectionTable,
    Rows,
    buckets_for,
    mark_words,
    marks_for,
    memory_for,
    moved,
    places_entry,
)
from hardtack.control.listing import count
from hardtack.kernel.datapath import Datapath
from hardtack.packet.entries import ONLY
from hardtack.packet.layout import (
    AWAITED,
    BY_GRACE,
    BY_SEED,
    CLIENT_FIN,
    CONNECTIONS,
    FEWEST_MARKS,
    HALF_OPEN,
    HASH_WORDS,
    HOST_FIN,
    HOST_SEEN,
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
    Places,
    Tags,
)

NOW = 1_700_000_000_000  # monotonic ms: of a machine that has been up for long, so that the stamps have wrapped
BUCKETS = 64
WORD = (1 << 64) - 1
MAPPED = 0xFFFF0000
ABOUT = (WALK, SEARCH, POLICY, SHARES, PREFIXES)  # how it is looked for, and what is known of source prefixes: nothing
SOURCE = Source("part_seats", "parts.seats:seats", "xdp", (PLACES, MARKS, TAGS, CONNECTIONS, *ABOUT))
TARGETS = [pytest.param("eBPF", marks=needs_root), pytest.param("native")]
STEADY = settings(deadline=None, derandomize=True, database=None, max_examples=60)

FIELDS = ("source_high", "source_low", "destination_high", "destination_low", "ports")
Name = tuple[int, int, int, int, int]  # words of the addresses, as in Connection, then ports
words = st.integers(0, WORD) | st.sampled_from([0, 1, WORD, 1 << 63, MAPPED])
ports = st.integers(0, 2**32 - 1)
names4 = st.builds(lambda a, b, c: (0, a << 32 | MAPPED, 0, b << 32 | MAPPED, c), *[st.integers(0, 2**32 - 1)] * 3)
names6 = st.tuples(words, words, words, words, ports).filter(lambda name: version(name) == 6)


def version(name: Name) -> int:
    """By the host's address: clients may call themselves what they like."""
    return 4 if name[2] == 0 and name[3] & 0xFFFFFFFF == MAPPED else 6


def rows_of(names: list[Name], seen: list[int] | None = None) -> Rows:
    """Connections of these names, seen at these moments in ms."""
    rows = np.zeros(len(names), Connection)
    for number, name in enumerate(names):
        for field, word in zip(FIELDS, name, strict=True):
            rows[field][number] = word
    rows["seen"] = [moment & 0xFFFFFFFF for moment in seen or [NOW] * len(names)]
    return rows


def many(count: int, seed: int = 1) -> Rows:
    """So many different connections, IPv4 and IPv6, each seen a ms after the one before, the last at NOW."""
    rng = np.random.default_rng(seed)
    rows = np.zeros(count, Connection)
    four = np.arange(count) % 2 == 0
    for field in FIELDS[:4]:
        drawn = rng.integers(0, 1 << 64, count, np.uint64)
        mapped = (drawn << np.uint64(32)) | np.uint64(MAPPED) if field.endswith("low") else np.zeros(count, np.uint64)
        rows[field] = np.where(four, mapped, drawn)
    rows["ports"] = rng.permutation(count)
    rows["seen"] = (NOW - np.arange(count)[::-1]) & 0xFFFFFFFF
    return rows


def hashed(name: Name, factors: list[int]) -> int:
    """The definition: multilinear over 32-bit words, Thorup 2015 3.5, and MurmurHash3's mix. IPv4: addresses are one."""
    halves = [half for word in name[:4] for half in (word & 0xFFFFFFFF, word >> 32)]
    chosen = [halves[3], halves[7], name[4]] if version(name) == 4 else [*halves, name[4]]
    total = (factors[0] + sum(word * factor for word, factor in zip(chosen, factors[1:], strict=False))) & WORD
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        total = ((total ^ total >> 33) * factor) & WORD
    return total ^ total >> 33


def seats(table: ConnectionTable, name: Name) -> tuple[int, int, int]:
    """Both buckets and the tag, one connection at a time."""
    first, second = divmod(hashed(name, [int(factor) for factor in table.places["factors"]]), 1 << 32)
    return first * table.buckets >> 32, second * table.buckets >> 32, first & 0xFF or 1


def names_in(rows: Rows) -> list[Name]:
    """Each connection's name."""
    columns = [rows[field].tolist() for field in FIELDS]
    return list(zip(*columns, strict=True))


def check(table: ConnectionTable) -> None:
    """Every connection is in one of its buckets, under its tag, and nowhere else."""
    live = np.flatnonzero(table.tags)
    names = names_in(table.rows[live])
    assert len({*names}) == len(names)
    for place, name in zip(live.tolist(), names, strict=True):
        first, second, tag = seats(table, name)
        assert place // WAYS in (first, second)
        assert int(table.tags[place // WAYS, place % WAYS]) == tag


@STEADY
@given(st.lists(names4 | names6, min_size=1, max_size=8), st.integers(1, 1 << 16), st.binary(min_size=80, max_size=80))
def test_seats_are_as_defined(names: list[Name], buckets: int, secret: bytes) -> None:
    entry = places_entry(buckets, random=BytesIO(secret).read)
    table = ConnectionTable(entry, np.zeros(buckets, Tags), np.zeros(buckets * WAYS, Connection))
    first, second, tags = table.seats(rows_of(names))
    assert [*zip(first.tolist(), second.tolist(), tags.tolist(), strict=True)] == [seats(table, name) for name in names]


def test_every_new_table_has_factors_of_its_own() -> None:
    entries = [places_entry(7) for _ in range(2)]
    assert len(entries[0]) == Places.itemsize
    records = [np.frombuffer(entry, Places)[0] for entry in entries]
    assert [int(record["buckets"]) for record in records] == [7, 7]
    factors = [int(factor) for record in records for factor in record["factors"]]
    assert len({*factors}) == 2 * HASH_WORDS


@pytest.mark.parametrize(
    ("size", "buckets"), [(1, 1), (1000, 188), (1_000_000, 187_500), (1_000_001, 187_501), (100_000_000, 18_750_000)]
)
def test_sizes(size: int, buckets: int) -> None:
    assert buckets_for(size) == buckets
    assert memory_for(size) == buckets * (8 + 8 * 64)
    assert size < 1000 or memory_for(size) / size < 98


@pytest.mark.parametrize(
    ("size", "bits"), [(1000, 20), (1 << 20, 20), ((1 << 20) + 1, 21), (10_000_000, 24), (100_000_000, 27)]
)
def test_marks_grow_with_the_table(size: int, bits: int) -> None:
    """At least as many bits as connections: else there would be one for most strangers, and it would say nothing."""
    assert marks_for(size) == 1 << bits and marks_for(1) == FEWEST_MARKS
    table = np.frombuffer(places_entry(7, marks_for(size)), Places)[0]
    assert int(table["marked"]) == (1 << bits) - 1
    assert mark_words(marks_for(size)) * 64 == 2 << bits
    whole = memory_for(size) + mark_words(marks_for(size)) * MARKS.value_size
    assert size < 1 << 20 or round(whole / size, 1) <= 98


def test_connections_are_marked_in_both_sets_of_a_large_table() -> None:
    """The bits that tell connections apart are not only the first twenty."""
    bits, rows = 1 << 23, many(1000)
    table = ConnectionTable(places_entry(1000, bits), np.zeros(1000, Tags), np.zeros(8000, Connection), None)
    assert table.marks.shape == (2, bits // 64)
    table = ConnectionTable(table.places.tobytes(), table.tags, table.rows, np.zeros(mark_words(bits), np.uint64))
    table.mark(rows)
    for name in names_in(rows):
        number = hashed(name, [int(factor) for factor in table.places["factors"]]) % bits
        assert all(int(marks[number >> 6]) >> (number & 63) & 1 for marks in table.marks)
    assert 990 <= np.bitwise_count(table.marks[1]).sum() <= 1000


@pytest.mark.parametrize("seed", range(3))
def test_a_table_holds_as_many_as_it_is_for(seed: int) -> None:
    """With these factors; of a million, two or so find no room."""
    rows, buckets = many(20_000, seed), buckets_for(20_000)
    places = places_entry(buckets, random=Random(seed).randbytes)
    table = ConnectionTable(places, np.zeros(buckets, Tags), np.zeros(buckets * WAYS, Connection))
    assert table.fill(rows, NOW) == len(rows)
    check(table)
    assert {*names_in(table.live())} == {*names_in(rows)}


@pytest.mark.parametrize("seed", range(4))
def test_addresses_in_a_row_do_not_gather(seed: int) -> None:
    """An army behind one /64, or a scanner: what a hash that is linear alone would put side by side."""
    count = 80_000
    rows = np.zeros(count, Connection)
    number = np.arange(count, dtype=np.uint64)
    rows["source_high"] = rows["destination_high"] = 0xB80D0120  # 2001:db8::/64
    rows["source_low"] = (number // np.uint64(16)).byteswap()
    rows["destination_low"] = np.uint64(1).byteswap()
    rows["ports"] = (number % np.uint64(16)) << np.uint64(8)
    places = places_entry(10_000, random=Random(seed).randbytes)
    table = ConnectionTable(places, np.zeros(10_000, Tags), np.zeros(80_000, Connection))
    assert table.fill(rows[:53_000], NOW) == 53_000


def test_live_connections_are_copies_of_what_was_put_in() -> None:
    rows = many(300)
    rows["next"], rows["host"], rows["origin"], rows["state"] = np.arange(300), 7, 2, 5
    table = ConnectionTable.new(300)
    table.fill(rows, NOW)
    live = table.live()
    assert np.array_equal(np.sort(live, order="ports"), np.sort(rows, order="ports"))
    live["next"] = 0
    assert {*table.live()["next"].tolist()} == {*range(300)}


def test_kinds_are_those_of_live_connections() -> None:
    random, table = np.random.default_rng(3), ConnectionTable.new(500)
    for name, most in (("origin", 5), ("state", 256)):
        table.rows[name] = random.integers(0, most, len(table.rows))
    for one_in in (2, 50):  # full, and nearly empty
        table.tags[:] = random.integers(0, one_in, table.tags.shape) == 1
        live, kinds = table.live(), table.kinds()
        assert len(live) == len(kinds) > 0
        assert [*kinds["origin"]] == [*live["origin"]] and [*kinds["state"]] == [*live["state"]]
        assert count(live) == count(kinds)


def test_who_does_not_fit_was_seen_before_all_who_are_in_its_buckets() -> None:
    """But for those that are put in together: the next few, here one for each ms."""
    rows = many(8_000)
    table = ConnectionTable.new(4_000)
    placed = table.fill(rows, NOW)
    check(table)
    live = table.live()
    assert placed == len(live) > 0.99 * len(table.rows)
    kept = {*names_in(live)}
    in_bucket = [
        {int(row["seen"]) for row, tag in zip(table.rows[b * WAYS : b * WAYS + WAYS], table.tags[b], strict=True) if tag}
        for b in range(table.buckets)
    ]
    for row, name in zip(rows, names_in(rows), strict=True):
        if name not in kept:
            first, second, _ = seats(table, name)
            assert min(map(len, (in_bucket[first], in_bucket[second]))) == WAYS
            assert int(row["seen"]) < min(in_bucket[first] | in_bucket[second]) + table.buckets // PART


@pytest.mark.parametrize(
    ("state", "origin"), [(CLIENT_FIN | HOST_FIN, 0), (AWAITED, 0), (0, BY_GRACE), (CLIENT_FIN, BY_GRACE), (0, BY_SEED)]
)
def test_what_is_over_or_unconfirmed_goes_first_and_who_is_seen_ahead_of_us_stays(state: int, origin: int) -> None:
    """One bucket and nine for it: the one that is over goes, though it was seen last. CPUs' clocks differ a little."""
    rows = many(9)
    rows["state"], rows["origin"][3] = HOST_SEEN, BY_GRACE
    rows["state"][8], rows["origin"][8] = state, origin
    rows["seen"][7] = (NOW + 1000) & 0xFFFFFFFF  # ahead of us
    rows["seen"][6] = (NOW - 60_000) & 0xFFFFFFFF
    table = ConnectionTable.new(5)
    assert (table.buckets, table.fill(rows, NOW)) == (1, 8)
    assert {*table.live()["ports"].tolist()} == {*rows["ports"][:8].tolist()}


@pytest.mark.parametrize(
    ("state", "first"), [(AWAITED, CLIENT_FIN | HOST_FIN), (AWAITED, HALF_OPEN), (HALF_OPEN, CLIENT_FIN | HOST_FIN)]
)
def test_what_is_over_goes_before_what_is_half_open_and_that_before_what_is_unconfirmed(state: int, first: int) -> None:
    rows = many(9)
    rows["state"] = state
    rows["state"][8] |= first
    table = ConnectionTable.new(5)
    assert table.fill(rows, NOW) == 8
    assert {*table.live()["ports"].tolist()} == {*rows["ports"][:8].tolist()}


@STEADY
@given(st.lists(names4 | names6, max_size=40, unique=True), st.integers(1, 30), st.integers(1, 30))
def test_moving_keeps_all_that_fit(names: list[Name], before: int, after: int) -> None:
    old, new = ConnectionTable.new(before), ConnectionTable.new(after)
    placed = old.fill(rows_of(names), NOW)
    kept = moved(old, new, NOW)
    check(new)
    assert kept == len(new.live()) <= placed == len(old.live())
    assert {*names_in(new.live())} <= {*names_in(old.live())} <= {*names}
    if placed <= WAYS:
        assert kept == placed


def test_memory_may_be_longer_than_the_table() -> None:
    """As memory that is mapped: whole pages."""
    table = ConnectionTable(places_entry(3), bytearray(4096), bytearray(4096))
    assert (table.tags.shape, len(table.rows)) == ((3, WAYS), 3 * WAYS)
    assert table.fill(many(10), NOW) == 10


# The packet program


class Program:
    """parts/seats.py over a table of BUCKETS, and the same memory from outside."""

    def __init__(self, run: Callable[[bytes], tuple[int, bytes]], table: ConnectionTable) -> None:
        self._run, self.table = run, table

    def clear(self) -> None:
        """No connections."""
        self.table.tags[:] = 0

    def remember(self, name: Name, now: int = NOW) -> tuple[int, int, int, int]:
        """Buckets, tag, and where the connection was already; -1 if it is new."""
        frame = struct.pack("<7Q", version(name), *name, now & 0xFFFFFFFF).ljust(SIZE, b"\0")
        verdict, out = self._run(frame)
        assert verdict == DONE
        first, second, tag, place = struct.unpack_from("<QQQq", out)
        return first, second, tag, place


@pytest.fixture(scope="module", params=TARGETS)
def program(request: pytest.FixtureRequest) -> Iterator[Program]:
    places = places_entry(BUCKETS)
    if request.param == "native":
        sizes = {
            "places": Places.itemsize,
            "marks": MARKS.value_size * MARKS.entries,
            "tags": BUCKETS * 8,
            "connections": BUCKETS * WAYS * Connection.itemsize,
        }
        sizes |= {table.name: table.value_size * table.entries for table in ABOUT}
        tables = {name: np.zeros(size, np.uint8) for name, size in sizes.items()}
        tables["places"][:] = np.frombuffer(places, np.uint8)
        native = NativeProgram(SOURCE, tables)
        yield Program(native.run, ConnectionTable(places, tables["tags"], tables["connections"], tables["marks"]))
        return
    with Datapath(objects.compiled(SOURCE), sizes={"tags": BUCKETS, "connections": BUCKETS * WAYS}) as datapath:
        datapath.tables["places"].update(ONLY, places)

        def run(frame: bytes) -> tuple[int, bytes]:
            ran = datapath.program.test_run(frame)
            return ran.verdict, ran.frame

        memory: list[Any] = [datapath.tables[name].memory() for name in ("tags", "connections", "marks")]
        yield Program(run, ConnectionTable(places, *memory))
        memory.clear()


def test_the_program_has_the_same_seats(program: Program) -> None:
    @given(names4 | names6)
    @settings(STEADY, max_examples=300)
    def each(name: Name) -> None:
        assert program.remember(name)[:3] == seats(program.table, name)

    each()


def test_what_the_program_remembers_is_seen_from_outside(program: Program) -> None:
    program.clear()
    names = names_in(many(BUCKETS * 5))
    for name in names:
        assert program.remember(name)[3] == -1
    assert {*names_in(program.table.live())} == {*names}
    check(program.table)


def test_what_is_filled_in_from_outside_the_program_finds(program: Program) -> None:
    program.clear()
    rows = many(BUCKETS * 5, seed=2)
    assert program.table.fill(rows, NOW) == len(rows)
    for name in names_in(rows):
        place = program.remember(name)[3]
        assert names_in(program.table.rows[place : place + 1]) == [name]
    assert len(program.table.live()) == len(rows)


def test_when_it_is_full_the_least_recently_used_of_both_buckets_gives_way(program: Program) -> None:
    program.clear()
    rows = many(BUCKETS * WAYS * 2, seed=3)
    program.table.fill(rows, NOW)
    program.table.tags[program.table.tags == 0] = 1  # so that no place is free, whatever it holds
    for number, name in enumerate(names_in(many(50, seed=4))):
        first, second, _ = seats(program.table, name)
        both = [bucket * WAYS + way for bucket in (first, second) for way in range(WAYS)]
        idle = {place: (NOW + number - int(program.table.rows["seen"][place])) & 0xFFFFFFFF for place in both}
        assert program.remember(name, NOW + number)[3] == -1
        oldest = max(idle, key=lambda place: idle[place])
        assert names_in(program.table.rows[oldest : oldest + 1]) == [name]
        assert np.count_nonzero(program.table.tags) == BUCKETS * WAYS
