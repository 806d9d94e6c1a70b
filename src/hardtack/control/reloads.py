"""What has become of reloads: a pinned table of one entry, which `hardtack status` reads, with or without a process."""

from __future__ import annotations

import struct
import time
import zlib
from dataclasses import dataclass, replace

from hardtack.image import ONLY, Table
from hardtack.kernel.maps import Map

RECORD = struct.Struct("<ddQQQ")  # Reloads, and the length of `why`
SUM = struct.Struct("<Q")  # before it: CRC-32 of all that follows. An entry is not written in one step
RELOADS = Table("reloads", "array", 4, 2048, 1, layout="crc32 succeeded failed successes failures why")
MOST_WHY = RELOADS.value_size - SUM.size - RECORD.size  # bytes
ATTEMPTS = 10  # to read what is just being written


@dataclass(frozen=True)
class Reloads:
    """Times are unix time in seconds.

    `succeeded`: when a start or a reload has read what is at work, the last time; `failed`: when a file could not be taken,
    after that; then `why`. `successes`, `failures`: since the start.
    """

    succeeded: float
    failed: float | None = None
    why: str | None = None
    successes: int = 0
    failures: int = 0

    def success(self) -> Reloads:
        """One more."""
        return replace(self, succeeded=time.time(), failed=None, why=None, successes=self.successes + 1)

    def failure(self, why: str) -> Reloads:
        """One more."""
        return replace(self, failed=time.time(), why=why, failures=self.failures + 1)


def entry_of(reloads: Reloads) -> bytes:
    """The table's entry; a long reason is cut."""
    why = (reloads.why or "").encode(errors="backslashreplace")[:MOST_WHY].decode(errors="ignore").encode()
    head = RECORD.pack(reloads.succeeded, reloads.failed or 0.0, reloads.successes, reloads.failures, len(why))
    content = (head + why).ljust(RELOADS.value_size - SUM.size, b"\0")
    return SUM.pack(zlib.crc32(content)) + content


def reloads_in(entry: bytes) -> Reloads | None:
    """None if it is not whole, or was never written."""
    content = entry[SUM.size :]
    if SUM.unpack_from(entry)[0] != zlib.crc32(content):
        return None
    succeeded, failed, successes, failures, length = RECORD.unpack_from(content)
    why = content[RECORD.size : RECORD.size + length].decode("utf-8", "replace")
    return Reloads(succeeded, failed or None, why or None, successes, failures)


def read(table: Map | None) -> Reloads | None:
    """What it says; None if nothing has been said."""
    for _ in range(ATTEMPTS if table else 0):
        assert table
        if found := reloads_in(table.lookup(ONLY) or bytes(RELOADS.value_size)):
            return found
    return None
