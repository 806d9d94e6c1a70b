"""A burst of frames, judged: the one place where a worker meets the packet program."""

from __future__ import annotations

from hardtack.compiler.language import at, inlined, new, u64, viewed
from hardtack.packet.frame.link import outside
from hardtack.packet.front import carried_out, judged
from hardtack.packet.out.finish import finish
from hardtack.packet.records import Flow
from hardtack.packet.worker_records import Frame

PASS = 2  # enum xdp_action
FRAME_SIZE = Frame.itemsize

new_flow = new(Flow)
frame_at = viewed(Frame)


@inlined
def judge_burst(worker, frames, count):
    """Write the action of each of the `count` Frames at `frames`; replies and headers of what goes on are written, too."""
    for number in range(count):
        frame = at(frames, number * FRAME_SIZE)
        flow = new_flow()
        action = carried_out(frame, flow, judged(frame, flow))
        if action == PASS:
            finish_passed(frame, flow)
        frame_at(frame).action = action


@inlined
def finish_passed(frame, flow):
    """What its sender has left to do of a checksum, the kernel cannot know any more when it gets the frame back."""
    if flow.version and (outside().unfinished >> u64(flow.uplink)) & u64(1):
        finish(frame, flow.network, flow.version)
