"""TCP options of a segment. What most clients send is recognised whole; anything else is walked.

As Linux does (tcp_parse_options): a malformed option ends the walk and what came before it counts; an option of the wrong
size is skipped; of several the last counts.
"""

from __future__ import annotations

from hardtack.compiler.language import (
    absent,
    at,
    barrier,
    beyond,
    inlined,
    load8,
    load16be,
    load32,
    load32be,
    scratch,
    store64,
    u64,
)
from hardtack.packet.opaque import own_walk
from hardtack.packet.platform import copy, head, tail
from hardtack.packet.wire import END, MOST_OPTIONS, MOST_SCALE, MSS, NOP, SACK, SCALE, TCP, TIMESTAMPS

NO_SCALE = 15  # in the cookie's options byte: none was offered

MSS_4 = 0x0204  # kind and size
NOP_SCALE_3 = 0x010303
SACK_2_TIMESTAMPS_10 = 0x0402080A
NOP_NOP_TIMESTAMPS_10 = 0x0101080A
NOP_NOP_SACK_2 = 0x01010402
SACK_2_END_END = 0x04020000


@inlined
def forget_options(flow):
    """No option offered."""
    flow.mss = 0
    flow.scale = NO_SCALE
    flow.sack = 0
    flow.timestamps = 0
    flow.tsval = 0
    flow.tsecr = 0


@inlined
def read_options(frame, flow):
    """Fill in the flow's options. The layouts of the great systems first, at fixed places; they cost a few comparisons."""
    forget_options(flow)
    segment, end, size = at(head(frame), flow.transport), tail(frame), flow.header
    if size == TCP + 20 and not beyond(segment, TCP + 20, end):  # Linux, Android, FreeBSD: MSS SACK TS NOP WS
        if (
            load16be(segment, 20) == MSS_4
            and load32be(segment, 24) == SACK_2_TIMESTAMPS_10
            and load32be(segment, 36) >> 8 == NOP_SCALE_3
        ):
            flow.mss = load16be(segment, 22)
            flow.sack = 1
            take_timestamps(segment, 28, flow)
            take_scale(load8(segment, 39), flow)
            return
    if size == TCP:
        return
    if size == TCP + 4 and not beyond(segment, TCP + 4, end):
        if load16be(segment, 20) == MSS_4:
            flow.mss = load16be(segment, 22)
            return
    if size == TCP + 12 and not beyond(segment, TCP + 12, end):  # Windows: MSS NOP WS NOP NOP SACK
        if (
            load16be(segment, 20) == MSS_4
            and load32be(segment, 24) >> 8 == NOP_SCALE_3
            and load32be(segment, 28) == NOP_NOP_SACK_2
        ):
            flow.mss = load16be(segment, 22)
            flow.sack = 1
            take_scale(load8(segment, 27), flow)
            return
    if size == TCP + 24 and not beyond(segment, TCP + 24, end):  # Apple: MSS NOP WS NOP NOP TS SACK END
        if (
            load16be(segment, 20) == MSS_4
            and load32be(segment, 24) >> 8 == NOP_SCALE_3
            and load32be(segment, 28) == NOP_NOP_TIMESTAMPS_10
            and load32be(segment, 40) == SACK_2_END_END
        ):
            flow.mss = load16be(segment, 22)
            flow.sack = 1
            take_timestamps(segment, 32, flow)
            take_scale(load8(segment, 27), flow)
            return
    walk_options(frame, flow)


@inlined
def read_timestamps(frame, flow):
    """Only the timestamps, of a segment that is no SYN: all but always NOP NOP TS, or nothing."""
    forget_options(flow)
    segment, end = at(head(frame), flow.transport), tail(frame)
    if flow.header == TCP:
        return
    if flow.header == TCP + 12 and not beyond(segment, TCP + 12, end):
        if load32be(segment, 20) == NOP_NOP_TIMESTAMPS_10:
            take_timestamps(segment, 24, flow)
            return
    walk_options(frame, flow)


@inlined
def take_timestamps(options, offset, flow):
    flow.timestamps = 1
    flow.tsval = load32(options, offset)
    flow.tsecr = load32(options, offset + 4)


@inlined
def take_scale(offered, flow):
    flow.scale = offered if offered < MOST_SCALE else MOST_SCALE


@inlined
def walk_options(frame, flow):
    """One option after the other, in a copy on the stack, with all that changes kept in a table (see `barrier`)."""
    size, walk = flow.header - TCP, own_walk()
    options = scratch(80)  # 63 + the longest option read
    for word in range(0, 80, 8):
        store64(options, word, u64(0))
    if absent(walk) or size <= 0 or size > MOST_OPTIONS or copy(frame, flow.transport + TCP, options, size) != 0:
        return
    walk.start, walk.size = 0, size
    walk.mss, walk.scale, walk.sack = 0, NO_SCALE, 0
    walk.timestamps, walk.tsval, walk.tsecr = 0, 0, 0
    for _ in range(MOST_OPTIONS):
        barrier()
        if not take_option(options, walk):
            break
    barrier()
    flow.mss, flow.scale, flow.sack = walk.mss, walk.scale, walk.sack
    flow.timestamps, flow.tsval, flow.tsecr = walk.timestamps, walk.tsval, walk.tsecr


@inlined
def take_option(options, walk):
    """The option at `walk.start`; False if it ends the walk."""
    start, size = walk.start, walk.size
    if start >= size:
        return False
    option = at(options, start & 63)  # the mask is for the verifier
    kind, length = load8(option, 0), load8(option, 1)
    if kind == END:
        return False
    if kind == NOP:
        walk.start = start + 1
        return True
    if length < 2 or start + length > size:
        return False
    walk.start = start + length
    if kind == MSS and length == 4:
        walk.mss = (load8(option, 2) << 8) | load8(option, 3)
    elif kind == SCALE and length == 3:
        offered = load8(option, 2)
        walk.scale = offered if offered < MOST_SCALE else MOST_SCALE
    elif kind == SACK and length == 2:
        walk.sack = 1
    elif kind == TIMESTAMPS and length == 10:
        walk.timestamps, walk.tsval, walk.tsecr = 1, bytes4(option, 2), bytes4(option, 6)
    return True


@inlined
def bytes4(place, offset):
    """A word that may lie at an odd address, which the stack does not allow to be read whole."""
    return (
        load8(place, offset)
        | (load8(place, offset + 1) << 8)
        | (load8(place, offset + 2) << 16)
        | (load8(place, offset + 3) << 24)
    )
