"""What a known connection may send: none is a hole in the wall, whoever has opened it, or guessed it.

Its client has so many frames a second, some in advance, and more as its host makes progress: for each 64 bytes that the host
has acknowledged or sent, one. So nobody who really transfers something meets a limit.

What looks wrong, or cannot be judged here, is let through now and then, for the host to judge: its answer puts right what
the front may have wrong.
"""

from __future__ import annotations

from hardtack.compiler.language import i64, inlined, u64
from hardtack.packet.cookie.time import stamp
from hardtack.packet.layout import AHEAD, AWAITED, BURST, HALF_OPEN, START, WINDOW_BITS
from hardtack.packet.reasons import Reason
from hardtack.packet.state.prefixes import may_doubt

LOW_16, LOW_32 = 0xFFFF, 0xFFFFFFFF
SLOWLY_SHIFT = 4  # who is not confirmed has a frame each 16 ms
EARNED_SHIFT = 6  # bytes that earn a frame: 64
WINDOWS_AHEAD = 16  # of doubt, likewise

DOUBTFUL = int(Reason.doubtful)
IMPLAUSIBLE = int(Reason.implausible)


@inlined
def afford(entry, host, ms):
    """Whether the client may send this frame, which is then paid for. The connection is in use in any case."""
    touch(entry, host, ms)
    left = i64(entry.left)
    if not left:
        return False
    entry.left = left - 1
    return True


@inlined
def touch(entry, host, ms):
    """It is in use; and what its client may send has become more since it was last seen."""
    moment = stamp(ms)
    elapsed = (moment - i64(entry.seen)) & LOW_32
    if not elapsed or elapsed > LOW_32 + 1 - AHEAD:  # another CPU is a little ahead
        return
    entry.seen = moment
    if entry.state & (AWAITED | HALF_OPEN):
        entry.left = at_most(i64(entry.left) + (elapsed >> SLOWLY_SHIFT), START)
    else:
        entry.left = at_most(i64(entry.left) + at_most(elapsed, BURST) * i64(host.frames), BURST)


@inlined
def earn(entry, progress):
    """The host has acknowledged and sent so many bytes."""
    entry.left = at_most(i64(entry.left) + (progress >> EARNED_SHIFT), BURST)


@inlined
def at_most(number, most):
    """The smaller one."""
    return number if number < most else most


@inlined
def allowance(entry, name, ms):
    """Whether something that may be wrong is let through: once in 128 ms, and so often a second of a source prefix."""
    window = doubt_window(ms)
    if (i64(entry.doubted) - window) & LOW_16 < WINDOWS_AHEAD:
        return False
    entry.doubted = window
    return may_doubt(name, ms)


@inlined
def doubt_window(ms):
    """Low 16 bits of the number of 128 ms."""
    return i64(ms >> u64(WINDOW_BITS)) & LOW_16


@inlined
def doubt(entry, name, ms):
    """The reason for a segment that its host cannot expect."""
    return DOUBTFUL if allowance(entry, name, ms) else IMPLAUSIBLE
