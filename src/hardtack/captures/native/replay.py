"""The front's policy on the frames of captures: judged in the order of their times, counted, and written as they leave.

Its native code goes on from frame to frame, and returns when it needs Python: for more bytes, a header, room, or keys.
"""

from __future__ import annotations

from hardtack.captures.native.blocks import LONGEST, write_block
from hardtack.captures.native.dates import date
from hardtack.captures.native.frames import take
from hardtack.captures.native.merge import find_next, go_on, reader_at
from hardtack.captures.native.records import AFTER, BEFORE, FOUND, FULL, KEYS, Job
from hardtack.compiler.language import absent, i64, inlined, load64, new, u64, viewed
from hardtack.compiler.program import Source
from hardtack.packet.explained import clear, keep
from hardtack.packet.frame.link import outside
from hardtack.packet.frame.platform import head
from hardtack.packet.front import goes_on, judged, verdict_of
from hardtack.packet.inside import inside_learned
from hardtack.packet.layout import MAC_SHIFT
from hardtack.packet.out.forward import forward
from hardtack.packet.programs import FRONT_REASON, INSIDE_REASON
from hardtack.packet.reasons import Verdict
from hardtack.packet.records import Flow
from hardtack.packet.state.count import counters_at
from hardtack.packet.state.ruling import DRY

EPOCH_NS = 64_000_000_000
ETHERNET = 14  # bytes
GROUP = 1  # in the first byte of a MAC address: IEEE 802
REPLY = int(Verdict.REPLY)
BACK, ON = 0, 1  # interfaces of the output: replies, and what goes on to hosts

job_record = viewed(Job)
new_flow = new(Flow)


def replay(place):
    """A Job -> why it returns: records.py."""
    job, flow = job_record(place), new_flow()
    while True:
        outcome = find_next(job)
        if outcome != FOUND:
            return outcome
        reader = reader_at(job, i64(job.which))
        outcome = may_go_on(job, reader.time)
        if outcome != FOUND:
            return outcome
        take(job, reader)
        date(job, reader.time)
        explained = job.stop and not job.which and reader.number == job.stop
        if explained and not job.paused:
            job.paused = 1
            return BEFORE
        clear(flow)
        more = i64(reader.length) - i64(reader.captured)
        reason = judge(job, place, flow, more if more > 0 else 0)
        go_on(reader)
        if explained:
            keep(flow)
            job.reason, job.stop = reason, 0
            return AFTER


@inlined
def may_go_on(job, time):
    """Whether there is room for what may be written, and there are keys."""
    if job.out and job.out_end - job.out < u64(LONGEST):
        return FULL
    epoch = time // u64(EPOCH_NS)
    if epoch < job.first_epoch or epoch > job.last_epoch:
        job.time = time
        return KEYS
    return FOUND


@inlined
def judge(job, frame, flow, more):
    """One frame: its reason. `more`: bytes that the capture has left out, which are counted all the same."""
    if job.which:
        reason = inside_learned(frame, flow)
    else:
        receive(job, frame)
        reason = judged(frame, flow)
        if goes_on(reason, flow):
            forward(frame, flow)
            if job.out:
                write_block(job, ON, more)
        elif job.out and verdict_of(reason) == REPLY and not flow.ruling & DRY:
            write_block(job, BACK, 0)
    if more:
        counters = counters_at(flow.host)
        if not absent(counters):
            counters.tallies[reason * 2 + 1] += u64(more)
    return reason


@inlined
def receive(job, frame):
    """Frames are for this machine, whichever that was when they were captured; but those for a group of machines."""
    if job.tail - job.head >= u64(ETHERNET):
        mac = load64(head(frame), 0) << u64(MAC_SHIFT)
        if not (mac >> u64(MAC_SHIFT)) & u64(GROUP):
            outside().mac = mac


REPLAY = Source(
    "replay",
    "hardtack.captures.native.replay:replay",
    "xdp",
    tuple({table.name: table for table in (*FRONT_REASON.tables, *INSIDE_REASON.tables)}.values()),
    clock="table",
)
