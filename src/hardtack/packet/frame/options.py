"""TCP options of a segment. What most clients send is recognised whole; anything else is walked (option_walk.py)."""

from __future__ import annotations

from hardtack.compiler.language import absent, at, barrier, beyond, inlined, load8, load16be, load32, load32be
from hardtack.packet.frame.opaque import opaque, own_walk
from hardtack.packet.frame.option_walk import take_scale, walk_options
from hardtack.packet.frame.platform import head, tail
from hardtack.packet.frame.wire import TCP
from hardtack.packet.layout import ALL_SPOKEN, SACK_SPOKEN, SCALE_SPOKEN, TIMESTAMPS_SPOKEN

NO_SCALE = 15  # in the cookie's options byte: none was offered

MSS_4 = 0x0204  # kind and size
NOP_SCALE_3 = 0x010303
SACK_2_TIMESTAMPS_10 = 0x0402080A
NOP_NOP_TIMESTAMPS_10 = 0x0101080A
NOP_NOP_SACK_2 = 0x01010402
SACK_2_END_END = 0x04020000


@inlined
def forget_options(found):
    """No option offered."""
    found.mss, found.scale, found.sack = 0, NO_SCALE, 0
    found.timestamps, found.tsval, found.tsecr = 0, 0, 0


@inlined
def read_options(frame, flow, spoken):
    """Fill in the flow's options. Linux's layouts are read at fixed places; the others' by way of a table.

    By the table they cost 2 ns more, and are one case to the verifier (see `barrier`) instead of five. So are all of those
    of which not everything is `spoken` (Host.speaks): what is not, is left out.
    """
    forget_options(flow)
    segment, end = at(head(frame), flow.transport), tail(frame)
    if spoken == ALL_SPOKEN and (
        flow.header == TCP or read_linux(segment, end, flow, flow) or read_established(segment, end, flow)
    ):
        return
    walk = own_walk()
    if absent(walk):
        return
    flow.version, flow.flags = opaque(flow.version, 7), opaque(flow.flags, 0xFF)
    forget_options(walk)
    if flow.header != TCP and not read_known(segment, end, flow, walk):
        walk_options(frame, flow, walk)
    keep_spoken(walk, spoken)
    take_over(walk, flow)


@inlined
def read_established(segment, end, flow):
    """NOP NOP TS: all but always, if a segment that is no SYN has any."""
    if flow.header != TCP + 12 or beyond(segment, TCP + 12, end) or load32be(segment, 20) != NOP_NOP_TIMESTAMPS_10:
        return False
    take_timestamps(segment, 24, flow)
    return True


@inlined
def read_linux(segment, end, flow, found):
    """MSS SACK TS NOP WS: Linux, Android, FreeBSD."""
    if flow.header != TCP + 20 or beyond(segment, TCP + 20, end):
        return False
    if (
        load16be(segment, 20) != MSS_4
        or load32be(segment, 24) != SACK_2_TIMESTAMPS_10
        or load32be(segment, 36) >> 8 != NOP_SCALE_3
    ):
        return False
    found.mss = load16be(segment, 22)
    found.sack = 1
    take_timestamps(segment, 28, found)
    take_scale(load8(segment, 39), found)
    return True


@inlined
def read_known(segment, end, flow, found):
    """The layouts of the other great systems."""
    return (
        read_plain(segment, end, flow, found)
        or read_windows(segment, end, flow, found)
        or read_apple(segment, end, flow, found)
        or read_linux(segment, end, flow, found)
    )


@inlined
def read_plain(segment, end, flow, found):
    """MSS alone."""
    if flow.header != TCP + 4 or beyond(segment, TCP + 4, end) or load16be(segment, 20) != MSS_4:
        return False
    found.mss = load16be(segment, 22)
    return True


@inlined
def read_windows(segment, end, flow, found):
    """MSS NOP WS NOP NOP SACK."""
    if flow.header != TCP + 12 or beyond(segment, TCP + 12, end):
        return False
    if (
        load16be(segment, 20) != MSS_4
        or load32be(segment, 24) >> 8 != NOP_SCALE_3
        or load32be(segment, 28) != NOP_NOP_SACK_2
    ):
        return False
    found.mss = load16be(segment, 22)
    found.sack = 1
    take_scale(load8(segment, 27), found)
    return True


@inlined
def read_apple(segment, end, flow, found):
    """MSS NOP WS NOP NOP TS SACK END."""
    if flow.header != TCP + 24 or beyond(segment, TCP + 24, end):
        return False
    if (
        load16be(segment, 20) != MSS_4
        or load32be(segment, 24) >> 8 != NOP_SCALE_3
        or load32be(segment, 28) != NOP_NOP_TIMESTAMPS_10
        or load32be(segment, 40) != SACK_2_END_END
    ):
        return False
    found.mss = load16be(segment, 22)
    found.sack = 1
    take_timestamps(segment, 32, found)
    take_scale(load8(segment, 27), found)
    return True


@inlined
def take_timestamps(segment, offset, found):
    """The option's two words, raw."""
    found.timestamps = 1
    found.tsval = load32(segment, offset)
    found.tsecr = load32(segment, offset + 4)


@inlined
def keep_spoken(found, spoken):
    """Of what is offered, what is spoken (Host.speaks)."""
    found.sack &= spoken >> SACK_SPOKEN
    found.timestamps &= spoken >> TIMESTAMPS_SPOKEN
    found.scale |= (((spoken >> SCALE_SPOKEN) & 1) - 1) & NO_SCALE


@inlined
def take_over(walk, flow):
    """From the table to the flow, as values that the verifier knows nothing of."""
    barrier()
    flow.mss, flow.scale, flow.sack = walk.mss, walk.scale, walk.sack
    flow.timestamps, flow.tsval, flow.tsecr = walk.timestamps, walk.tsval, walk.tsecr
