"""The next frame of one capture, or of two in the order of their frames' times."""

from __future__ import annotations

from hardtack.captures.native.records import DONE, FOUND, Reader
from hardtack.captures.native.walk import seek
from hardtack.compiler.language import at, i64, inlined, u64, viewed
from hardtack.compiler.memory import pointer_at

READER_SIZE = Reader.itemsize

reader_record = viewed(Reader)


@inlined
def reader_at(job, number):
    """One of the captures."""
    return reader_record(at(pointer_at(job.readers), number * READER_SIZE))


@inlined
def find_next(job):
    """FOUND, and `job.which` is the reader whose frame is next; or what must be done first, to this one."""
    for number in range(i64(job.count)):
        reader = reader_at(job, number)
        if not reader.ready and not reader.ended:
            outcome = seek(reader)
            if outcome != FOUND:
                job.which = number
                return outcome
    first, second = reader_at(job, 0), reader_at(job, i64(job.count) - 1)
    if not first.ready and not second.ready:
        return DONE
    if job.count > u64(1) and second.ready and (not first.ready or second.time < first.time):
        job.which = 1
    else:
        job.which = 0
    return FOUND


@inlined
def go_on(reader):
    """The frame is dealt with."""
    reader.ready = 0
    reader.head = reader.after
