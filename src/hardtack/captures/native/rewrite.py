"""A capture of any kind as one of Ethernet frames: what `replay` reads and writes, with nothing judged between."""

from __future__ import annotations

from hardtack.captures.native.blocks import LONGEST, write_block
from hardtack.captures.native.frames import take
from hardtack.captures.native.merge import find_next, go_on, reader_at
from hardtack.captures.native.records import FOUND, FULL, Job
from hardtack.compiler.language import i64, u64, viewed
from hardtack.compiler.program import Source

job_record = viewed(Job)


def rewrite(place):
    """A Job -> why it returns, as `replay`."""
    job = job_record(place)
    while True:
        outcome = find_next(job)
        if outcome != FOUND:
            return outcome
        if job.out and job.out_end - job.out < u64(LONGEST):
            return FULL
        reader = reader_at(job, i64(job.which))
        take(job, reader)
        job.time = reader.time
        if job.out:
            more = i64(reader.length) - i64(reader.captured)
            write_block(job, i64(job.which), more if more > 0 else 0)
        go_on(reader)


REWRITE = Source("rewrite", "hardtack.captures.native.rewrite:rewrite", "xdp", (), clock="table")
