"""TCP options one by one, for layouts that no great system sends.

As Linux does (tcp_parse_options): a malformed option ends the walk and what came before it counts; an option of the wrong
size is skipped; of several the last counts.
"""

from __future__ import annotations

from hardtack.compiler.language import at, barrier, inlined, load8, scratch, store64, u64, untold
from hardtack.packet.frame.platform import copy
from hardtack.packet.frame.wire import END, MOST_OPTIONS, MOST_SCALE, MSS, NOP, SACK, SCALE, TCP, TIMESTAMPS


@inlined
def walk_options(frame, flow, walk):
    """Into `walk`, whatever the segment's options say; there are some. They are read in a copy on the stack.

    All that changes lies in a table (see `barrier`): so the verifier takes each turn of the loop for the same.
    """
    size, options = (untold(flow.header - TCP - 1) & 63) + 1, scratch(80)  # 63 + the longest option read
    for word in range(0, 80, 8):
        store64(options, word, u64(0))
    if copy(frame, flow.transport + TCP, options, size) != 0:
        return
    walk.start, walk.size = 0, size
    for _ in range(MOST_OPTIONS):
        barrier()
        if not take_option(options, walk):
            break


@inlined
def take_scale(offered, found):
    """RFC 7323 2.3: more than 14 counts as 14."""
    found.scale = offered if offered < MOST_SCALE else MOST_SCALE


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
        take_scale(load8(option, 2), walk)
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
