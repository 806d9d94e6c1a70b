"""A burst of frames, judged: the one place where a worker meets the packet program."""

from __future__ import annotations

from hardtack.compiler.language import at, i64, inlined, u64
from hardtack.packet.burst import FRAME_SIZE, frame_at, item_of, judge_together, own_burst
from hardtack.packet.frame.link import outside
from hardtack.packet.out.finish import finish
from hardtack.packet.out.tap import own_tapped, taps
from hardtack.packet.worker.watched import show_taps

PASS = 2  # enum xdp_action


@inlined
def judge_burst(own, frames, count):
    """Write the action of each of the `count` Frames at `frames`; replies and headers of what goes on are written, too."""
    done, some = 0, 1 if is_watched(count) else count
    while done < count:
        judge_some(at(frames, done * FRAME_SIZE), some)
        if own_tapped().wanted:
            show_taps(own, own_tapped())
        done += some


@inlined
def is_watched(count):
    """Whether a tap may want one of the next `count` frames. There is one copy of a frame: then they go one by one."""
    on = taps().on
    return on != u64(0) and (own_tapped().on != on or own_tapped().left <= u64(count))


@inlined
def judge_some(frames, count):
    """The same, whoever watches."""
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
