"""A burst of frames, judged: the one place where a worker meets the packet program."""

from __future__ import annotations

from hardtack.compiler.language import at, i64, inlined, u64
from hardtack.packet.burst import FRAME_SIZE, frame_at, item_of, judge_together, own_burst
from hardtack.packet.frame.link import outside
from hardtack.packet.out.finish import finish

PASS = 2  # enum xdp_action


@inlined
def judge_burst(frames, count):
    """Write the action of each of the `count` Frames at `frames`; replies and headers of what goes on are written, too."""
    judge_together(frames, count)
    if outside().unfinished:
        for number in range(count):
            frame = at(frames, number * FRAME_SIZE)
            if i64(frame_at(frame).action) == PASS:
                finish_passed(frame, item_of(own_burst(), number).flow)


@inlined
def finish_passed(frame, flow):
    """What its sender has left to do of a checksum, the kernel cannot know any more when it gets the frame back."""
    if flow.version and (outside().unfinished >> u64(flow.uplink)) & u64(1):
        finish(frame, flow.network, flow.version)
