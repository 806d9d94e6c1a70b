"""What bursts are compared with: the same program on one frame after the other, and the frames' bytes alone."""

from __future__ import annotations

from hardtack.compiler.language import at, distance, i64, inlined, load64, new, store32, store64, swap64, viewed
from hardtack.compiler.memory import pointer_at
from hardtack.packet.burst_records import FRAME_SIZE, Batch, Outcome, offset_of
from hardtack.packet.frame.platform import head, tail
from hardtack.packet.front import carried_out, judged
from hardtack.packet.out.tap import note
from hardtack.packet.records import Flow

OUTCOME_SIZE, ACTION = Outcome.itemsize, offset_of(Outcome, "action")
WORD = 8

batch_at = viewed(Batch)
new_flow = new(Flow)


def singles(batch):
    """A Batch -> 0: each frame goes through all phases before the next one is looked at."""
    batch = batch_at(batch)
    frames, outcomes = pointer_at(batch.frames), pointer_at(batch.outcomes)
    for number in range(i64(batch.count)):
        judge_alone(at(frames, number * FRAME_SIZE), at(outcomes, number * OUTCOME_SIZE))
    return 0


@inlined
def judge_alone(frame, outcome):
    """As packet/front.py does."""
    note(frame)
    flow = new_flow()
    reason = judged(frame, flow)
    store32(outcome, 0, reason)
    store32(outcome, ACTION, carried_out(frame, flow, reason))


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
