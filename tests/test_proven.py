"""The table of proven sources: seen from outside and by the packet program alike, moved, and freed of who is long silent."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from ipaddress import ip_address, ip_network
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_ground import needs_root
from parts.sources import DONE, SIZE
from test_connections import STEADY, TARGETS, WORD, words

from hardtack.compiler import objects
from hardtack.compiler.native import NativeProgram
from hardtack.compiler.program import Source as Program
from hardtack.control import proven_listing
from hardtack.control.fading import ROUND, Fading
from hardtack.control.proven import (
    AT_ONCE,
    LONGEST_WAIT,
    Rows,
    SourceTable,
    ages,
    buckets_for,
    memory_for,
    moved,
    period_of,
    places_entry,
    since,
    turned,
    waits,
    ways,
)
from hardtack.control.proven_listing import Wanted
from hardtack.control.succession import open_sources
from hardtack.image import ONLY
from hardtack.kernel.datapath import Datapath
from hardtack.packet.layout import POLICY, SEARCH, Policy
from hardtack.packet.proven_tables import (
    ALLOWANCE_BITS,
    FIRST_ALLOWANCE,
    LOST_SHIFT,
    MOST_LOST,
    MOST_PERIODS,
    NEWCOMER_AGE,
    PROVEN,
    PROVEN_HASH_WORDS,
    PROVEN_PLACES,
    PROVEN_TAGS,
    PROVEN_WAYS,
    Source,
    SourcePlaces,
    SourceTags,
)

NOW = 40_000  # a period
BUCKETS = 64
MAPPED = 0xFFFF0000
PROGRAM = Program("part_sources", "parts.sources:sources", "xdp", (PROVEN_PLACES, PROVEN_TAGS, PROVEN, SEARCH, POLICY))
Address = tuple[int, int]  # two words, as in Source

addresses = st.tuples(words, words) | st.builds(lambda low: (0, low << 32 | MAPPED), st.integers(0, 2**32 - 1))
periods = st.integers(0, 0xFFFF)
allowances = st.integers(0, ALLOWANCE_BITS) | st.integers(0, 5)
opened = st.integers(0, 255) | st.integers(0, 3)


def many(count: int, seed: int = 1) -> Rows:
    """So many different sources, IPv4 and IPv6, heard of a period after each other, the last now."""
    rng, rows = np.random.default_rng(seed), np.zeros(count, Source)
    four = np.arange(count) % 2 == 0
    rows["high"] = np.where(four, 0, rng.integers(0, 1 << 64, count, np.uint64))
    numbers = rng.permutation(count).astype(np.uint64) + np.uint64(seed << 20)
    mapped = numbers << np.uint64(32) | np.uint64(MAPPED)
    rows["low"] = np.where(four, mapped, rng.integers(0, 1 << 64, count, np.uint64))
    rows["used"], rows["earned"] = (NOW - np.arange(count)[::-1]) & 0xFFFF, 50
    return rows


def names_in(rows: Rows) -> list[Address]:
    """Their addresses."""
    return list(zip(rows["high"].tolist(), rows["low"].tolist(), strict=True))


def seat(table: SourceTable, address: Address) -> tuple[int, int]:
    """Bucket and tag, as they are defined: multilinear over 32-bit words, and MurmurHash3's mix."""
    halves = [half for word in address for half in (word & 0xFFFFFFFF, word >> 32)]
    first, *factors = (int(factor) for factor in table.places["factors"])
    total = (first + sum(word * factor for word, factor in zip(halves, factors, strict=True))) & WORD
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        total = ((total ^ total >> 33) * factor) & WORD
    total ^= total >> 33
    return (total >> 32) * table.buckets >> 32, total & 0xFF or 1


def check(table: SourceTable) -> None:
    """Each is in its bucket, under its tag, and once; no word has a tag twice."""
    live = np.flatnonzero(table.tags)
    names = names_in(table.rows[live])
    assert len({*names}) == len(names)
    for place, name in zip(live.tolist(), names, strict=True):
        assert seat(table, name) == (place // PROVEN_WAYS, table.tags[place])
    seen = (live // 8 << 8 | table.tags[live]).tolist()
    assert len({*seen}) == len(seen)


def empty(buckets: int, places: bytes = b"") -> SourceTable:
    """A table of so many buckets, always the same ones."""
    tags, rows = np.zeros(buckets, SourceTags), np.zeros(buckets * PROVEN_WAYS, Source)
    return SourceTable(places or places_entry(buckets, Random(1).randbytes), tags, rows)


@STEADY
@given(st.lists(addresses, min_size=1, max_size=8), st.integers(1, 1 << 16), st.binary(min_size=40, max_size=40))
def test_seats_are_as_defined(names: list[Address], buckets: int, secret: bytes) -> None:
    table, rows = empty(buckets, places_entry(buckets, BytesIO(secret).read)), np.zeros(len(names), Source)
    rows["high"], rows["low"] = zip(*names, strict=True)
    found, tags = table.seats(rows)
    assert [*zip(found.tolist(), tags.tolist(), strict=True)] == [seat(table, name) for name in names]


def test_every_new_table_has_factors_of_its_own() -> None:
    records = [np.frombuffer(places_entry(7), SourcePlaces)[0] for _ in range(2)]
    assert [int(record["buckets"]) for record in records] == [7, 7]
    assert len({int(factor) for record in records for factor in record["factors"]}) == 2 * PROVEN_HASH_WORDS


@pytest.mark.parametrize("size", [1_000, 1_000_000, 1_000_001, 100_000_000])
def test_memory_of_a_source(size: int) -> None:
    assert memory_for(size) == buckets_for(size) * (16 * 24 + 16)
    assert memory_for(size) / size <= 32 and buckets_for(size) * PROVEN_WAYS >= size * 5 / 4


@pytest.mark.parametrize("seed", range(3))
def test_a_table_has_room_for_most_of_those_that_it_is_for(seed: int) -> None:
    """With these factors: each has one bucket alone, so some of them are full before others."""
    rows, buckets = many(20_000, seed), buckets_for(20_000)
    table = empty(buckets, places_entry(buckets, Random(seed).randbytes))
    assert table.fill(rows, NOW) > 0.96 * len(rows)
    check(table)


def test_who_has_no_room_was_heard_of_before_all_others_of_his_bucket_or_tag() -> None:
    rows, table = many(3_000), empty(100)
    assert table.fill(rows, NOW) == len(table.live()) < len(rows)
    check(table)
    kept = {*names_in(table.live())}
    used, tags = (column.reshape(-1, PROVEN_WAYS) for column in (table.rows["used"], table.tags))
    crowded = 0
    for row, name in zip(rows, names_in(rows), strict=True):
        bucket, tag = seat(table, name)
        alike = used[bucket][tags[bucket] == tag]
        if name not in kept and len(alike) == 2 and row["used"] < alike.min():
            crowded += 1
        else:
            assert name in kept or row["used"] < used[bucket].min()
    assert crowded  # both words have the tag


@pytest.mark.parametrize("twice", range(9))
def test_whoever_has_the_same_tag_is_in_another_word(twice: int) -> None:
    """As many pairs as there may be in a bucket, and all others between them."""
    tags = np.array([*range(1, 1 + twice)] * 2 + [*range(100, 116 - 2 * twice)], np.uint8)
    for seed in range(20):
        some = np.random.default_rng(seed).permutation(tags)[: 16 - seed % 3]
        found = ways(np.zeros(len(some), np.intp), some)
        assert len({*found.tolist()}) == len(some) and found.min() >= 0 and found.max() < PROVEN_WAYS
        assert len({*zip((found // 8).tolist(), some.tolist(), strict=True)}) == len(some)


def test_who_has_been_proven_and_no_more_goes_first() -> None:
    rows, table = many(PROVEN_WAYS + 2), empty(1)
    rows["earned"][-1], rows["earned"][-2] = FIRST_ALLOWANCE, 1
    rows["earned"][0] = 1 << LOST_SHIFT  # who waits stays: he would be challenged at once
    assert table.fill(rows, NOW) == PROVEN_WAYS
    assert {*names_in(table.live())} == {*names_in(rows[:-2])}
    assert ages(rows[-1:], NOW)[0] == NEWCOMER_AGE


@STEADY
@given(st.lists(addresses, max_size=60, unique=True), st.integers(1, 50), st.integers(1, 50))
def test_moving_keeps_all_that_fit(names: list[Address], before: int, after: int) -> None:
    rows = np.zeros(len(names), Source)
    for number, name in enumerate(names):
        rows["high"][number], rows["low"][number] = name
    rows["earned"], rows["used"], rows["pending"] = 77, NOW, 3
    old, new = SourceTable.new(before), SourceTable.new(after)
    placed = old.fill(rows, NOW)
    kept = moved(old, new, NOW)
    check(new)
    assert kept == len(new.live()) <= placed == len(old.live())
    assert {*new.live().tolist()} <= {*old.live().tolist()} <= {*rows.tolist()}


def test_periods_wrap_and_who_is_ahead_is_here() -> None:
    ago = [0, 1, -1, -2, 0x8000, MOST_PERIODS - 1]
    stamps = np.array([(NOW - one) & 0xFFFF for one in ago], "u2")
    assert since(stamps, NOW).tolist() == [0, 1, 0, 0, 0x8000, MOST_PERIODS - 1]
    assert since(np.array([0xFFFF], "u2"), 1).tolist() == [2]
    assert period_of((5 << 27) + (7 << 11) + 100) == 7


# Whose time is over


@pytest.mark.parametrize(("life", "most"), [(300, 300), (5, LONGEST_WAIT)])
def test_who_is_silent_for_too_long_makes_room(life: int, most: int) -> None:
    """Not while he may still have to wait; and before his period comes again."""
    table, rows = empty(buckets_for(3 * AT_ONCE)), many(1_000)
    rows["used"] = (NOW - np.arange(0, 60_000, 60)) & 0xFFFF
    assert table.fill(rows, NOW) == len(rows)
    table.free(0, len(table.rows), NOW, life)
    check(table)
    assert {*names_in(table.live())} == {*names_in(rows[np.arange(0, 60_000, 60) <= most])}


def test_a_part_at_a_time() -> None:
    table = empty(buckets_for(3 * AT_ONCE))
    table.tags[:] = 1
    table.rows["used"] = NOW - 1000
    table.free(100, 2 * AT_ONCE, NOW, 300)
    assert np.flatnonzero(table.tags == 0).tolist() == [*range(100, 2 * AT_ONCE)]


# The packet program


class Ground:
    """parts/sources.py over a table of BUCKETS, and the same memory from outside."""

    def __init__(self, run: Callable[[bytes], tuple[int, bytes]], table: SourceTable) -> None:
        self._run, self.table = run, table

    def clear(self) -> None:
        """No sources."""
        self.table.tags[:] = 0

    def meet(self, address: Address, period: int, row: tuple[int, ...] = (0, 0, 0, 0, 0)) -> tuple[int, ...]:
        """See parts/sources.py."""
        verdict, out = self._run(struct.pack("<8Q", *address, period, *row).ljust(SIZE, b"\0"))
        assert verdict == DONE
        return struct.unpack_from("<8Q", out)


@pytest.fixture(scope="module", params=TARGETS)
def program(request: pytest.FixtureRequest) -> Iterator[Ground]:
    places = places_entry(BUCKETS, Random(7).randbytes)
    sizes = {PROVEN_TAGS.name: BUCKETS, PROVEN.name: BUCKETS * PROVEN_WAYS}
    if request.param == "native":
        tables = {
            one.name: np.zeros(one.value_size * sizes.get(one.name, one.entries), np.uint8) for one in PROGRAM.tables
        }
        tables[PROVEN_PLACES.name][:] = np.frombuffer(places, np.uint8)
        native = NativeProgram(PROGRAM, tables)
        yield Ground(native.run, SourceTable(places, tables[PROVEN_TAGS.name], tables[PROVEN.name]))
        return
    with Datapath(objects.compiled(PROGRAM), sizes=sizes) as datapath:
        datapath.tables[PROVEN_PLACES.name].update(ONLY, places)

        def run(frame: bytes) -> tuple[int, bytes]:
            ran = datapath.program.test_run(frame)
            return ran.verdict, ran.frame

        yield Ground(run, SourceTable(places, *(datapath.tables[name].memory() for name in sizes)))


def test_the_program_has_the_same_seats(program: Ground) -> None:
    @given(addresses)
    @settings(STEADY, max_examples=300)
    def each(address: Address) -> None:
        program.clear()
        assert program.meet(address, NOW)[:3] == (*seat(program.table, address), 0)
        assert names_in(program.table.live()) == [address]
        check(program.table)

    each()


def test_what_is_filled_in_from_outside_the_program_finds(program: Ground) -> None:
    program.clear()
    rows = many(BUCKETS * 6, seed=2)
    assert program.table.fill(rows, NOW) == len(rows)
    for name in names_in(rows):
        assert program.meet(name, NOW)[2] == 1
    assert len(program.table.live()) == len(rows)


def test_in_a_full_bucket_goes_whom_the_outside_would_have_go(program: Ground) -> None:
    program.clear()
    rows = many(BUCKETS * PROVEN_WAYS * 2, seed=3)
    rows["earned"][::7] = FIRST_ALLOWANCE
    program.table.fill(rows, NOW)
    program.table.tags[program.table.tags == 0] = 1  # so that no place is free, whatever it holds
    for name in names_in(many(50, seed=4)):
        oldest = giving_way(program.table, *seat(program.table, name))
        assert program.meet(name, NOW, (NOW, 50, 0, 0, 0))[2] == 0
        assert names_in(program.table.rows[oldest : oldest + 1]) == [name]
        assert np.count_nonzero(program.table.tags) == BUCKETS * PROVEN_WAYS


def giving_way(table: SourceTable, bucket: int, tag: int) -> int:
    """Which place a newcomer gets in a full bucket: that of the oldest, in a word where nobody has his tag."""
    begins = bucket * PROVEN_WAYS
    there = [np.flatnonzero(table.tags[begins + 8 * word :][:8] == tag) for word in (0, 1)]
    if len(there[0]) and len(there[1]):
        return begins + int(there[0][0])
    begins += 8 * (len(there[0]) > 0 or (not len(there[1]) and NOW % 2))
    return begins + int(np.argmax(ages(table.rows[begins : begins + 8], NOW)))


def test_the_program_has_them_as_they_are_listed(program: Ground) -> None:
    """What is half open for too long, what it costs, and who waits for how long."""

    @given(periods, periods | st.integers(0, 3), allowances, st.integers(0, MOST_LOST), opened, opened)
    @settings(STEADY, max_examples=400)
    def each(now: int, ago: int, allowance: int, lost: int, pending: int, before: int) -> None:
        program.clear()
        row = np.zeros(1, Source)
        row["used"], row["earned"] = (now - ago) & 0xFFFF, allowance | lost << LOST_SHIFT
        row["pending"], row["before"] = pending, before
        found = program.meet((1, 2), now, ((now - ago) & 0xFFFF, allowance, lost, pending, before))
        (told,) = proven_listing.told(turned(row, now), now)
        waiting = bool(waits(turned(row, now), now)[0])
        assert (*found[3:5], found[5] + found[6], found[7]) == (*(told[key] for key in KEYS), waiting)

    each()


KEYS = ("allowance", "lost", "half_open")


@needs_root
def test_the_hand_goes_round_while_programs_run() -> None:
    """In so many steps all have been looked at; who is heard of stays, whatever happens meanwhile."""
    sizes = {PROVEN_TAGS.name: BUCKETS, PROVEN.name: BUCKETS * PROVEN_WAYS}
    with Datapath(objects.compiled(PROGRAM), sizes=sizes) as datapath:
        datapath.tables[PROVEN_PLACES.name].update(ONLY, places_entry(BUCKETS, Random(7).randbytes))
        policy = np.zeros(1, Policy)
        policy["source_life"] = 300
        datapath.tables[POLICY.name].update(ONLY, policy.tobytes())
        fading, now = Fading(datapath.tables), period_of(time.monotonic_ns() // 1_000_000)
        table, rows = open_sources(datapath.tables), many(300)
        rows["used"] = np.where(np.arange(300) < 150, now, now - 1000) & 0xFFFF
        assert table.fill(rows, now) == 300
        done = threading.Event()

        def come() -> None:
            """Others are proven all the while, in whatever place is free."""
            for high, low in names_in(many(200, seed=9)):
                frame = struct.pack("<8Q", high, low, now, now, 50, 0, 0, 0).ljust(SIZE, b"\0")
                assert datapath.program.test_run(frame).verdict == DONE
            done.set()

        thread = threading.Thread(target=come)
        thread.start()
        while not done.is_set():
            fading.write()
        thread.join()
        for _ in range(2 * ROUND):
            fading.write()
        check(table)
        live = {*names_in(table.live())}
        assert live.isdisjoint(names_in(rows[150:])) and live >= {*names_in(rows[:150])}


# Listing


def source(address: str, **fields: int) -> Rows:
    """One."""
    packed = ip_address(address).packed
    row = np.zeros(1, Source)
    row["high"], row["low"] = np.frombuffer(packed if len(packed) == 16 else bytes(10) + b"\xff\xff" + packed, "u8")
    for name, value in fields.items():
        row[name] = value
    return row


LISTED = np.concatenate(
    [
        source("198.51.100.1", used=NOW, earned=7, pending=2, before=1),
        source("198.51.100.2", used=NOW - 3, earned=4),
        source("2001:db8::1", used=NOW - 2, earned=3 << LOST_SHIFT),
        source("2001:db8::2", used=NOW - 20, earned=3 << LOST_SHIFT),
    ]
)


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        (Wanted(), ["198.51.100.1", "2001:db8::1", "198.51.100.2", "2001:db8::2"]),
        (Wanted(ip_network("198.51.100.0/24")), ["198.51.100.1", "198.51.100.2"]),
        (Wanted(ip_network("2001:db8::2")), ["2001:db8::2"]),
        (Wanted(ip_network("203.0.113.0/24")), []),
        (Wanted(waiting=True), ["2001:db8::1"]),
        (Wanted(ip_network("0.0.0.0/0"), waiting=True), []),
    ],
)
def test_who_is_listed(wanted: Wanted, told: list[str]) -> None:
    found = proven_listing.newest_first(wanted.among(LISTED, NOW), NOW)
    assert [row["source"] for row in proven_listing.told(found, NOW)] == told


def test_how_they_are_told() -> None:
    first, *_, waiting, _ = proven_listing.told(LISTED, NOW)
    assert first == {
        "source": "198.51.100.1", "allowance": 7, "half_open": 3, "idle_seconds": 0.0, "waits_seconds": 0.0, "lost": 0
    }  # fmt: skip
    assert (waiting["allowance"], waiting["lost"]) == (0, 3)
    assert (waiting["idle_seconds"], waiting["waits_seconds"]) == (round(2 * 2.048, 1), round(3 * 2.048, 1))
    assert proven_listing.count(LISTED, NOW) == (4, 1)
