"""What bursts are compared with: the same program on one frame after the other, and the frames' bytes alone."""

from __future__ import annotations

from hardtack.compiler.language import at, distance, i64, inlined, load64, new, store64, swap64, viewed
from hardtack.compiler.memory import pointer_at
from hardtack.packet.burst_records import Batch, Frame
from hardtack.packet.frame.platform import head, tail
from hardtack.packet.front import carried_out, judged
from hardtack.packet.out.tap import note
from hardtack.packet.records import Flow

FRAME_SIZE, WORD = Frame.itemsize, 8

batch_at = viewed(Batch)
frame_at = viewed(Frame)
new_flow = new(Flow)


def singles(batch):
    """A Batch -> 0: each frame goes through all phases before the next one is looked at."""
    batch = batch_at(batch)
    frames = pointer_at(batch.frames)
    for number in range(i64(batch.count)):
        judge_alone(at(frames, number * FRAME_SIZE))
    return 0


@inlined
def judge_alone(frame):
    """As packet/front.py does."""
    note(frame)
    flow = new_flow()
    reason = judged(frame, flow)
    record = frame_at(frame)
    record.reason, record.action = reason, carried_out(frame, flow, reason)


def touched(batch):
    """A Batch -> 0: all whole words of each frame are read, and written in another byte order."""
    batch = batch_at(batch)
    frames = pointer_at(batch.frames)
    for number in range(i64(batch.count)):
        frame = at(frames, number * FRAME_SIZE)
        start = head(frame)
        for word in range(distance(start, tail(frame)) // WORD):
            store64(start, word * WORD, swap64(load64(start, word * WORD)))
    return 0
