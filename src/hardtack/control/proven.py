"""The table of proven sources from outside: its size, who is in it, how to fill a new one, and whose time is over.

The placing is packet/state/proven.py's, for many sources at once; a test holds the two against each other.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from hardtack.control.connections import HALF, LOW_32, Buffer, Bytes, Indices, Numbers, bucket, mixed, ranks, summed
from hardtack.packet.layout import PERIOD_BITS
from hardtack.packet.proven_tables import (
    ALLOWANCE_BITS,
    FIRST_ALLOWANCE,
    LOST_SHIFT,
    MOST_LOST,
    MOST_PERIODS,
    NEWCOMER_AGE,
    PROVEN,
    PROVEN_HASH_WORDS,
    PROVEN_TAGS,
    PROVEN_WAYS,
    Source,
    SourcePlaces,
    SourceTags,
)

Rows = npt.NDArray[np.void]  # of Source
Periods = npt.NDArray[np.int64]

ROOM = (5, 4)  # places for each source there is to be room for: 25 bytes each, so 31.25 a source
LONGEST_WAIT = 1 << (MOST_LOST - 1)  # periods, some 2 minutes
WORDS = PROVEN_WAYS // 8  # of tags, in a bucket
AT_ONCE = 4096  # places looked at in one go: so short is the time from the look to the store


def buckets_for(size: int) -> int:
    """How many buckets a table for `size` sources has."""
    return -(-size * ROOM[0] // (ROOM[1] * PROVEN_WAYS))


def table_sizes(size: int) -> dict[str, int]:
    """Entries of its tables."""
    buckets = buckets_for(size)
    return {PROVEN.name: buckets * PROVEN_WAYS, PROVEN_TAGS.name: buckets}


def memory_for(size: int) -> int:
    """Bytes that these take."""
    sizes = table_sizes(size)
    return sum(table.value_size * sizes[table.name] for table in (PROVEN, PROVEN_TAGS))


def places_entry(buckets: int, random: Callable[[int], bytes] = secrets.token_bytes) -> bytes:
    """The `proven_places` table: factors that nobody outside knows, so that nobody can aim at a bucket."""
    record = np.zeros((), SourcePlaces)
    record["buckets"] = buckets
    record["factors"] = np.frombuffer(random(8 * PROVEN_HASH_WORDS), np.uint64)
    return record.tobytes()


def period_of(now_ms: int) -> int:
    """The period that a moment is in; `now_ms`: monotonic."""
    return now_ms >> PERIOD_BITS & 0xFFFF


class SourceTable:
    """Views of a table's memory, whoever it belongs to; that may be longer than the table.

    `tags` has a byte and `rows` a record for each place: that of bucket b, way w is number b * PROVEN_WAYS + w.
    """

    def __init__(self, places: bytes, tags: Buffer, rows: Buffer) -> None:
        self.places = np.frombuffer(places, SourcePlaces, 1)[0]
        self.buckets = int(self.places["buckets"])
        self.tags: Bytes = np.frombuffer(tags, np.uint8, self.buckets * PROVEN_WAYS)
        self.rows: Rows = np.frombuffer(rows, Source, self.buckets * PROVEN_WAYS)

    @classmethod
    def new(cls, size: int) -> SourceTable:
        """An empty one for `size` sources, in memory of this process."""
        buckets = buckets_for(size)
        return cls(places_entry(buckets), np.zeros(buckets, SourceTags), np.zeros(buckets * PROVEN_WAYS, Source))

    def live(self) -> Rows:
        """A copy of the sources there are, at one moment."""
        return self.rows[np.flatnonzero(self.tags.copy())]

    def seats(self, rows: Rows) -> tuple[Indices, Bytes]:
        """Of each source the bucket where it may be, and its tag."""
        hashes = hashed(rows, self.places["factors"])
        tags = (hashes & np.uint64(0xFF)).astype(np.uint8)
        return bucket(hashes >> HALF, np.uint64(self.buckets)), np.maximum(tags, 1)

    def fill(self, rows: Rows, period: int) -> int:
        """Put sources into the empty table, each at most once in `rows`; how many have found room.

        Where a bucket has not room for all of its own, those go that the program would have give way first.
        """
        rows = rows[np.argsort(ages(rows, period), kind="stable")]
        seats, tags = self.seats(rows)
        fitting = np.flatnonzero(ranks(named(seats, tags)) < WORDS)
        fitting = fitting[ranks(seats[fitting]) < PROVEN_WAYS]
        places = seats[fitting] * PROVEN_WAYS + ways(seats[fitting], tags[fitting])
        self.rows[places] = rows[fitting]
        self.tags[places] = tags[fitting]
        return len(fitting)

    def free(self, first: int, end: int, period: int, life: int) -> None:
        """Places from `first` to before `end` of sources that were not heard of for more than `life` periods, or their wait.

        While programs run, and by plain stores of single bytes: a program's exchange of the whole word then fails, or comes
        before. Who is proven, in that very place, between the look and the store, is challenged once more, and that is all.
        """
        most = max(life, LONGEST_WAIT)
        for start in range(first, end, AT_ONCE):
            some = slice(start, min(start + AT_ONCE, end))
            tags, silent = self.tags[some], since(self.rows["used"][some], period) > most
            tags[silent & (tags != 0)] = 0  # not those that are free: somebody is just coming there, perhaps


def moved(old: SourceTable, new: SourceTable, period: int) -> int:
    """Copy what is in `old` into `new`, which is empty and may be of another size; how many sources it has taken."""
    return new.fill(old.live(), period)


def named(seats: Indices, tags: Bytes) -> Indices:
    """Bucket and tag as one number. No word of tags has the same one twice, so that one look finds whoever has it."""
    return seats << 8 | tags


def ways(seats: Indices, tags: Bytes) -> Indices:
    """A place in its bucket for each source, of which no more have the same bucket or tag there than there is room for.

    Of two with the same tag, the first comes in the first word, before all others, the second in the second, from its end.
    """
    names = named(seats, tags)
    second = ranks(names) > 0
    single = ~np.isin(names, names[second])
    first = np.flatnonzero(~second)
    first = first[np.argsort(single[first], kind="stable")]
    found = np.empty(len(seats), np.intp)
    found[first] = ranks(seats[first])
    found[second] = PROVEN_WAYS - 1 - ranks(seats[second])
    return found


def hashed(rows: Rows, factors: Numbers) -> Numbers:
    """64 bits of each address: multilinear, modulo 2^64, and mixed."""
    words = [word for name in ("high", "low") for word in (rows[name] & LOW_32, rows[name] >> HALF)]
    return mixed(summed(factors, words))


def since(then: npt.NDArray[np.uint16], period: int) -> Periods:
    """How many periods ago that was; another CPU may be a little ahead."""
    passed = (period - then.astype(np.int64)) & 0xFFFF
    return np.where(passed < MOST_PERIODS, passed, 0)


def ages(rows: Rows, period: int) -> Periods:
    """What is the higher, the sooner a source gives way."""
    allowance = allowances(rows)
    newcomers = (allowance > 0) & (allowance <= FIRST_ALLOWANCE)
    return since(rows["used"], period) + NEWCOMER_AGE * newcomers


def allowances(rows: Rows) -> npt.NDArray[np.int64]:
    """SYNs that each may have in a period."""
    return rows["earned"].astype(np.int64) & ALLOWANCE_BITS


def losses(rows: Rows) -> npt.NDArray[np.int64]:
    """How often in a row each has lost its allowance."""
    return rows["earned"].astype(np.int64) >> LOST_SHIFT


def waits(rows: Rows, period: int) -> Periods:
    """How many periods it takes until each is challenged again; 0: it is not kept waiting."""
    lost = losses(rows)
    left = (1 << np.maximum(lost - 1, 0)) + 1 - since(rows["used"], period)
    return np.where((allowances(rows) == 0) & (lost > 0), np.maximum(left, 0), 0)


def turned(rows: Rows, period: int) -> Rows:
    """Sources as the program would have them at their next SYN: what is half open for too long is held against them."""
    rows, passed = rows.copy(), since(rows["used"], period)
    left = np.where(passed > 0, rows["before"].astype(np.int64), 0) + np.where(passed > 1, rows["pending"], 0)
    rows["before"] = np.where(passed == 0, rows["before"], np.where(passed == 1, rows["pending"], 0))
    rows["pending"][passed > 0] = 0
    allowance, lost = allowances(rows), losses(rows)
    loses = (left > 0) & (left >= allowance) & (allowance > 0)
    rows["used"] = (rows["used"] + np.where(loses, np.minimum(passed, 2), 0)) & 0xFFFF
    earned = np.maximum(allowance - left, 0) | np.minimum(lost + loses, MOST_LOST) << LOST_SHIFT
    rows["earned"] = np.where(allowance > 0, earned, rows["earned"])
    return rows
