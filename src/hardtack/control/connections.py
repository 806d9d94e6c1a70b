"""The connection table from outside: its size, where in it connections may be, which there are, how to fill a new one.

The placing is packet/state/connections.py's, for many connections at once; a test holds the two against each other.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from hardtack.packet.layout import (
    AHEAD,
    AWAITED,
    BY_GRACE,
    BY_SEED,
    CLIENT_FIN,
    FEWEST_MARKS,
    HALF_OPEN,
    HASH_WORDS,
    HOST_FIN,
    HOST_SEEN,
    WAYS,
    Connection,
    Places,
    Tags,
)

Rows = npt.NDArray[np.void]  # of Connection
Numbers = npt.NDArray[np.uint64]
Indices = npt.NDArray[np.intp]
Bytes = npt.NDArray[np.uint8]
Chosen = npt.NDArray[np.bool_]  # one for each row
Buffer = bytes | bytearray | memoryview | npt.NDArray[np.generic]  # or an mmap, which memoryview() takes

LOW_32 = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)
MIX = np.array([0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53], np.uint64)  # MurmurHash3's finaliser
MAPPED = np.uint64(0xFFFF0000)  # what stands before an IPv4 address in its word, as it lies in memory
OVER = CLIENT_FIN | HOST_FIN
UNCONFIRMED_AGE = 1 << 32  # more than any age in ms
HALF_OPEN_AGE = 1 << 33  # more than that
OVER_AGE = 1 << 34  # and more than that
MARK = 64  # bits in a word of `marks`
ROOM = (3, 2)  # places for each connection there is to be room for: with a third of them free, hardly any gives way
KIND = np.dtype([("origin", "u1"), ("state", "u1")])
FEW = 8  # a part of the places so large is not read one by one
PART = 4  # a part of the buckets so large is filled at a time: so few newcomers hardly ever meet in one


def buckets_for(size: int) -> int:
    """How many buckets a table for `size` connections has."""
    return -(-size * ROOM[0] // (ROOM[1] * WAYS))


def memory_for(size: int) -> int:
    """Bytes that the table takes: its places and their tags."""
    return buckets_for(size) * (WAYS * Connection.itemsize + Tags.itemsize)


def marks_for(size: int) -> int:
    """How many bits a set of marks for `size` connections has: at least one for each, a power of 2."""
    return max(FEWEST_MARKS, 1 << (size - 1).bit_length())


def mark_words(bits: int) -> int:
    """How many entries `marks` has, for two sets of so many bits."""
    return 2 * bits // MARK


def table_sizes(size: int) -> dict[str, int]:
    """Entries of the tables that hold `size` connections, by name."""
    buckets = buckets_for(size)
    return {"tags": buckets, "connections": buckets * WAYS, "marks": mark_words(marks_for(size))}


def places_entry(buckets: int, bits: int = FEWEST_MARKS, random: Callable[[int], bytes] = secrets.token_bytes) -> bytes:
    """The `places` table of a new, empty table with so many bits in a set of marks. `random(n)`: n bytes.

    Nobody knows its factors, nor ever learns them.
    """
    record = np.zeros((), Places)
    record["buckets"], record["marked"] = buckets, bits - 1
    record["factors"] = np.frombuffer(random(8 * HASH_WORDS), np.uint64)
    return record.tobytes()


class ConnectionTable:
    """Views of a table's memory, whoever it belongs to. `tags` and `connections` may be longer than the table.

    `marks` has a row for each of the two sets: what is not marked there, the packet program does not find. `tags` has one
    for each bucket, `rows` a record for each place: that of bucket b, way w is number b * WAYS + w.
    """

    def __init__(self, places: bytes, tags: Buffer, connections: Buffer, marks: Buffer | None = None) -> None:
        self.places = np.frombuffer(places, Places, 1)[0]
        self.buckets = int(self.places["buckets"])
        self.tags: Bytes = np.frombuffer(tags, np.uint8, self.buckets * WAYS).reshape(self.buckets, WAYS)
        self.rows: Rows = np.frombuffer(connections, Connection, self.buckets * WAYS)
        words = mark_words(int(self.places["marked"]) + 1)
        self.marks: Numbers = np.frombuffer(bytes(8 * words) if marks is None else marks, np.uint64, words).reshape(2, -1)

    @classmethod
    def new(cls, size: int) -> ConnectionTable:
        """An empty one for `size` connections, in memory of this process."""
        buckets, bits = buckets_for(size), marks_for(size)
        places, marks = places_entry(buckets, bits), np.zeros(mark_words(bits), np.uint64)
        return cls(places, np.zeros(buckets, Tags), np.zeros(buckets * WAYS, Connection), marks)

    def taken(self) -> Indices:
        """The places that are in use, at one moment: of a copy, because NumPy minds if they change meanwhile."""
        return np.flatnonzero(self.tags.copy())

    def live(self) -> Rows:
        """A copy of the connections there are."""
        return self.rows[self.taken()]

    def kinds(self) -> Rows:
        """Origin and state alone, of each there is: of a full table a quarter of the time that whole records take."""
        taken = self.taken()
        found: Rows = np.empty(len(taken), KIND)
        for name in KIND.names or ():
            column = self.rows[name]
            found[name] = column[taken] if len(taken) < len(self.rows) // FEW else np.ascontiguousarray(column)[taken]
        return found

    def seats(self, rows: Rows) -> tuple[Indices, Indices, Bytes]:
        """Of each connection the two buckets where it may be, and its tag."""
        hashes, buckets = hashed(rows, self.places["factors"]), np.uint64(self.buckets)
        first, second = hashes >> HALF, hashes & LOW_32
        tags = (first & np.uint64(0xFF)).astype(np.uint8)
        return bucket(first, buckets), bucket(second, buckets), np.maximum(tags, 1)

    def mark(self, rows: Rows) -> None:
        """Have the packet program look for these connections."""
        numbers = hashed(rows, self.places["factors"]) & self.places["marked"]
        words, bits = (numbers >> np.uint64(6)).astype(np.intp), np.uint64(1) << (numbers & np.uint64(63))
        for marks in self.marks:
            np.bitwise_or.at(marks, words, bits)

    def fill(self, rows: Rows, now_ms: int) -> int:
        """Put connections into the empty table, each at most once in `rows`; how many have found room, `now_ms` (monotonic).

        Where there is not room for all, those seen last stay; those that are over go before all others, then half-open ones,
        then those that no host has confirmed. Which of the few that are put in together stays, is not said.
        """
        rows = rows[np.argsort(ages(rows, now_ms), kind="stable")]
        first, second, tags = self.seats(rows)
        self.mark(rows)
        used = np.zeros(self.buckets, np.intp)
        placed = 0
        part = max(1, self.buckets // PART)
        for start in range(0, len(rows), part):
            waiting: Indices = np.arange(start, min(start + part, len(rows)))
            while len(waiting):
                one, other = first[waiting], second[waiting]
                chosen = np.where((used[one] < WAYS // 2) | (used[one] <= used[other]), one, other)
                ways = used[chosen] + ranks(chosen)
                fits = ways < WAYS
                seated, seats = waiting[fits], chosen[fits] * WAYS + ways[fits]
                self.rows[seats] = rows[seated]
                self.tags.reshape(-1)[seats] = tags[seated]
                np.add.at(used, chosen[fits], 1)
                placed += len(seated)
                waiting = waiting[~fits]
                waiting = waiting[np.minimum(used[first[waiting]], used[second[waiting]]) < WAYS]
        return placed


def moved(old: ConnectionTable, new: ConnectionTable, now_ms: int) -> int:
    """Copy what is in `old` into `new`, which is empty and may be of another size; how many connections it has taken.

    `now_ms`: monotonic.
    """
    return new.fill(old.live(), now_ms)


def ages(rows: Rows, now_ms: int) -> Numbers:
    """What is the higher, the sooner a connection gives way: ms since it was seen; of those in `fill`, more."""
    idle = np.uint32((now_ms + AHEAD) % (1 << 32)) - rows["seen"]
    extra = np.where(unconfirmed(rows), np.uint64(UNCONFIRMED_AGE), np.uint64(0))
    extra[half_open(rows)] = HALF_OPEN_AGE
    extra[over(rows)] = OVER_AGE
    return idle.astype(np.uint64) + extra


def over(rows: Rows) -> Chosen:
    """Whether both ends have sent a FIN."""
    both: Chosen = rows["state"] & OVER == OVER
    return both


def half_open(rows: Rows) -> Chosen:
    """Whether its SYN has gone on to its host, and the client's ACK has yet to come."""
    found: Chosen = rows["state"] & HALF_OPEN != 0
    return found


def unconfirmed(rows: Rows) -> Chosen:
    """Whether its host, from which a word is to be had, has said none; or was not heard of what is known by hearsay."""
    learned = np.isin(rows["origin"], (BY_GRACE, BY_SEED)) & (rows["state"] & HOST_SEEN == 0)
    found: Chosen = learned | (rows["state"] & AWAITED != 0)
    return found


def hashed(rows: Rows, factors: Numbers) -> Numbers:
    """64 bits of each connection's addresses and ports: multilinear, modulo 2^64, and mixed."""
    names = ("source_high", "source_low", "destination_high", "destination_low")
    words = [word for name in names for word in (rows[name] & LOW_32, rows[name] >> HALF)]
    ports = rows["ports"].astype(np.uint64)
    six = summed(factors, [*words, ports])
    four = summed(factors, [words[3], words[7], ports])
    # The host's address decides: none is mapped, whereas an IPv6 client may claim that its own is
    mapped = (rows["destination_high"] == 0) & (words[6] == MAPPED)
    return mixed(np.where(mapped, four, six))


def mixed(total: Numbers) -> Numbers:
    """Each bit of a sum in all bits."""
    for factor in MIX:
        total = (total ^ (total >> np.uint64(33))) * factor
    return total ^ (total >> np.uint64(33))


def summed(factors: Numbers, words: list[Numbers]) -> Numbers:
    """The first factor and the words, each times the next one."""
    total = np.full(len(words[0]), factors[0])
    for word, factor in zip(words, factors[1:], strict=False):
        total += word * factor
    return total


def bucket(hashes: Numbers, buckets: np.uint64) -> Indices:
    """Which bucket a hash of 32 bits stands for."""
    return ((hashes * buckets) >> HALF).astype(np.intp)


def ranks(values: Indices) -> Indices:
    """Of each value, how many of the same stand before it."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    begins = np.flatnonzero(np.diff(ordered, prepend=-1))
    found = np.empty(len(values), np.intp)
    found[order] = np.arange(len(values)) - np.repeat(begins, np.diff(begins, append=len(values)))
    return found
