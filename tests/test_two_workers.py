"""Two workers at full speed on one table: connections come, are looked up, end and are evicted, and a model keeps the books.

Each has clients of its own, and some that both have; thousands of frames are ready before either begins. A round has SYNs of
new clients, the cookies of the round before, and data, FIN or RST of older ones. The model (crew_book.py) says: every frame
goes where it must, and is counted once; every entry of the table is whole; what was there before a round and is there after
it was there all the time; nobody goes but who has ended or was evicted; and every frame of the UMEM is in one place.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from crew_book import Book
from crew_under_test import Crew

from hardtack.packet.layout import WAYS

LONG, SHORT, LARGE, SMALL = 40, 8, 8192, 64  # rounds; buckets


@pytest.fixture(params=[LARGE, SMALL], ids=["room for all", "evictions all the time"])
def book(request: pytest.FixtureRequest) -> Iterator[Book]:
    crew = Crew(request.param)
    yield Book(crew)
    crew.close()


def test_nothing_is_lost_or_torn(book: Book) -> None:
    buckets = book.crew.table.buckets
    for _ in range(SHORT if buckets == LARGE else LONG):
        book.round()
    assert book.missing == 0 if buckets == LARGE else abs(book.missing) < 0.01 * book.remembered, book.missing
    assert (book.crew.evicted() > 1000) == (buckets == SMALL)
    assert book.forwarded and book.dropped and book.ended
    assert buckets == LARGE or len(book.before) > 0.9 * SMALL * WAYS


@pytest.fixture
def begun() -> Iterator[Book]:
    """Two rounds are over: there are connections."""
    crew = Crew(LARGE)
    book = Book(crew)
    book.round()
    book.round()
    yield book
    crew.close()


@pytest.mark.parametrize("field", ["ports", "source_low", "host", "sent", "ack_reach", "next"])
def test_a_torn_entry_is_found(begun: Book, field: str) -> None:
    """A field of one record in another."""
    one, other, *_ = np.flatnonzero(begun.crew.table.tags)
    rows = begun.crew.table.rows
    rows[field][one] = rows[field][other] + (1 if rows[field][other] == rows[field][one] else 0)
    with pytest.raises(AssertionError, match="torn"):
        begun.look()


def test_a_tag_of_anothers_is_found(begun: Book) -> None:
    tags = begun.crew.table.tags.reshape(-1)
    tags[np.flatnonzero(tags)[0]] ^= 255
    with pytest.raises(AssertionError, match="torn"):
        begun.look()


def test_a_lost_connection_is_found(begun: Book) -> None:
    tags = begun.crew.table.tags.reshape(-1)
    tags[np.flatnonzero(tags)[0]] = 0
    with pytest.raises(AssertionError, match="lost"):
        begun.round()


def test_a_frame_in_two_places_is_found(begun: Book) -> None:
    begun.crew.workers[0].free[0] = begun.crew.workers[1].free[0]
    with pytest.raises(AssertionError, match="twice"):
        begun.round()
