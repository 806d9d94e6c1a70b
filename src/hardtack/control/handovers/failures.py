"""Whose hand-overs fail: a pinned table, an entry for each host's number, which `hardtack status` reads."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from hardtack.control.handovers.judging import Kind
from hardtack.control.pinned import Tables, values_of
from hardtack.image import Table

RECORD = struct.Struct("<dBBH")  # Failure, its cause and remedy last: how long both are
SUM = struct.Struct("<I")  # before it: CRC-32 of all that follows. An entry is not written in one step
FAILURES = Table("failures", "array", 4, 512, 2, layout="crc32 since kind passing texts")  # as many as `counters`
MOST = FAILURES.value_size - SUM.size - RECORD.size  # bytes of text
KINDS: tuple[Kind, ...] = ("reset", "silence", "some-reset")
NOTHING = bytes(FAILURES.value_size)


@dataclass(frozen=True)
class Failure:
    """Hand-overs to a host fail. `since` in unix time; `passing`: it answers its clients by itself meanwhile.

    `kind`: it resets those who are handed over, says nothing, or resets most of them. `cause`, `remedy`: the likely ones.
    """

    kind: Kind
    since: float
    passing: bool
    cause: str
    remedy: str


def entry_of(failure: Failure | None) -> bytes:
    """A host's entry; long texts are cut."""
    if failure is None:
        return NOTHING
    texts = f"{failure.cause}\0{failure.remedy}".encode(errors="backslashreplace")[:MOST].decode(errors="ignore").encode()
    content = RECORD.pack(failure.since, KINDS.index(failure.kind), failure.passing, len(texts)) + texts
    content = content.ljust(FAILURES.value_size - SUM.size, b"\0")
    return SUM.pack(zlib.crc32(content)) + content


def failure_in(entry: bytes) -> Failure | None:
    """None if there is none, or if it is just being written."""
    content = entry[SUM.size :]
    since, kind, passing, length = RECORD.unpack_from(content)
    if not since or SUM.unpack_from(entry)[0] != zlib.crc32(content):
        return None
    cause, _, remedy = content[RECORD.size : RECORD.size + length].decode("utf-8", "replace").partition("\0")
    return Failure(KINDS[kind], since, bool(passing), cause, remedy)


def failures_in(tables: Tables) -> dict[str, Failure]:
    """Those of hosts that there are, by name."""
    found = tables.get(FAILURES)
    entries, nobody = values_of(found)[1:] if found else [], {"", *tables.gone()}
    seen = {name: failure_in(entry) for name, entry in zip(tables.hosts(), entries, strict=False)}
    return {name: failure for name, failure in seen.items() if failure and name not in nobody}
