"""The frames' own times as the packet program's clock.

Unix time, which chooses keys, is the frame's. The monotonic clock never goes back: it waits for frames that are a little
late, as where several queues were captured; after a step back by more than a second it goes on from where it is.
"""

from __future__ import annotations

from hardtack.compiler.language import entry_of, inlined, u64
from hardtack.packet.layout import CLOCK, Clock

STEP = 1_000_000_000  # ns

clock = entry_of(CLOCK, Clock)


@inlined
def date(job, time):
    """A frame of this time is next."""
    still = time + job.ahead
    if not job.begun:
        job.begun, job.first, job.last = 1, time, time
        job.still = still
    job.first = time if time < job.first else job.first
    job.last = time if time > job.last else job.last
    if still < job.still:
        late = job.still - still
        job.late += u64(1)
        job.latest = late if late > job.latest else job.latest
        if late > u64(STEP):
            job.ahead += late
    else:
        job.still = still
    job.time = time
    clock().offset_ns, clock().still_ns = time, job.still
