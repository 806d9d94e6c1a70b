"""Two workers at full speed on one table: connections come, are looked up, end and are evicted, and a model keeps the books.

Each has clients of its own, and some that both have; thousands of frames are ready before either begins. A round has SYNs of
new clients, the cookies of the round before, and data, FIN or RST of older ones. The model (crew_book.py) says: every frame
goes where it must, and is counted once; every entry of the table is whole; what was there before a round and is there after
it was there all the time; nobody goes but who has ended or was evicted; and every frame of the UMEM is in one place.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from crew_book import Book
from crew_under_test import Crew

from hardtack.packet.layout import HALF_OPEN, WAYS

ROUNDS = 8
LARGE, SMALL, TINY = 32768, 4096, 64  # buckets: for all connections; for those of two rounds; for a hundred


@contextmanager
def working(buckets: int) -> Iterator[Book]:
    """Two workers, and the book about them."""
    crew = Crew(buckets)
    yield Book(crew)
    crew.close()


def test_nothing_is_lost_or_torn_where_there_is_room() -> None:
    """But for a newcomer that gets no place, which has been seen once in a million on a busy machine."""
    with working(LARGE) as book:
        for _ in range(ROUNDS):
            book.round()
        assert not book.crew.evicted() and not book.torn and abs(book.missing) <= 2, (book.missing, book.torn)
        assert min(book.forwarded, book.dropped, book.ended) > 1000


@pytest.mark.parametrize("buckets", [SMALL, TINY])
def test_evictions_all_the_time(buckets: int) -> None:
    """Where two newcomers want a place in the same bucket at the same moment, one may get none (`missing`): its next segment
    is stray. If a worker is interrupted between having a place and writing its record, the other may take that for an idle
    one and write there, too (`torn`): it is nobody's then, until it is evicted. Seen once in some five million evictions.
    """
    with working(buckets) as book:
        for _ in range(ROUNDS):
            book.round()
        assert book.crew.evicted() > 10_000 and len(book.before) > 0.6 * buckets * WAYS
        assert abs(book.missing) < 0.01 * book.remembered and len(book.torn) <= 2, (book.missing, book.torn)
        assert min(book.forwarded, book.dropped) > 10_000 and (book.ended > 1000 or buckets == TINY)


@contextmanager
def begun() -> Iterator[Book]:
    """Two rounds are over: there are connections."""
    with working(LARGE) as book:
        book.round()
        book.round()
        assert book.before and not book.torn
        yield book


def test_a_torn_entry_is_found() -> None:
    """A field of one record in another; and a tag that is not the entry's."""
    with begun() as book:
        rows, tags, found = book.crew.table.rows, book.crew.table.tags.reshape(-1), book.crew.table.taken()
        for place, field in zip(found, ["ports", "source_low", "host", "sent", "ack_reach", "next", "state"], strict=False):
            other = next(one for one in found if rows[field][one] != rows[field][place]) if field != "state" else place
            rows[field][place] = rows[field][other] | (HALF_OPEN if field == "state" else 0)
        tags[found[-1]] ^= 255
        book.look()
        assert len(book.torn) == 8, book.torn


def test_a_lost_connection_is_found() -> None:
    with begun() as book, pytest.raises(AssertionError, match="lost"):
        book.crew.table.tags.reshape(-1)[book.crew.table.taken()[::7]] = 0
        book.round()


def test_a_frame_in_two_places_is_found() -> None:
    with begun() as book, pytest.raises(AssertionError, match="twice"):
        book.crew.workers[0].free[0] = book.crew.workers[1].free[0]
        book.round()
