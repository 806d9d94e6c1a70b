"""The table of proven sources from outside: its size, who is in it, and who has not been heard of for too long.

The placing is packet/state/proven.py's, for many sources at once; a test holds the two against each other.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

import numpy as np

from hardtack.packet.proven_tables import PROVEN, PROVEN_HASH_WORDS, PROVEN_TAGS, PROVEN_WAYS, SourcePlaces

ROOM = (5, 4)  # places for each source there is to be room for: 25 bytes each, so 31.25 a source


def buckets_for(size: int) -> int:
    """How many buckets a table for `size` sources has."""
    return -(-size * ROOM[0] // (ROOM[1] * PROVEN_WAYS))


def table_sizes(size: int) -> dict[str, int]:
    """Entries of its tables."""
    buckets = buckets_for(size)
    return {"proven": buckets * PROVEN_WAYS, "proven_tags": buckets}


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
