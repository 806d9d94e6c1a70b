"""A burst of frames, judged: the one place where a worker meets the packet program."""

from __future__ import annotations

from hardtack.compiler.language import at, inlined, new, viewed
from hardtack.packet.front import carried_out, judged
from hardtack.packet.records import Flow
from hardtack.packet.worker_records import Frame

FRAME_SIZE = Frame.itemsize

new_flow = new(Flow)
frame_at = viewed(Frame)


@inlined
def judge_burst(worker, frames, count):
    """Write the action of each of the `count` Frames at `frames`; replies and headers of what goes on are written, too."""
    for number in range(count):
        frame = at(frames, number * FRAME_SIZE)
        flow = new_flow()
        frame_at(frame).action = carried_out(frame, flow, judged(frame, flow))
