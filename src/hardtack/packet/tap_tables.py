"""Taps: how whoever watches gets frames of the running datapath. The tables and their records; NumPy only, as layout.py.

A tap is a place in `taps`: how many of the frames it wants, and until when. A frame that any wants is copied before it is
judged. Afterwards a program of the tap's own, which engines/tap_program.py makes and `tap_programs` holds, writes the copy,
if it has the right reason, host and content, into the tap's ring buffer. Whoever watches renews `until`: if he is killed,
it ends by itself.
"""

from __future__ import annotations

import numpy as np

from hardtack.image import MMAPABLE, Table
from hardtack.packet.layout import table

MOST_TAPS = 4  # the first is for the front's process
SNAP = 2048  # bytes of a frame that are copied; a power of two
LAST_SHIFT = 8  # of packet/relay.py
FEW_LEFT = 1 << 16  # frames until the next look, where nobody wants any

# What a tap wants. `until`: in ns of the kernel's coarse clock; `every`: one frame of so many, by chance
Tap = np.dtype([("until", "u8"), ("every", "u8")], align=True)
# `on`: 0, nobody watches; else another number after each change of a tap
Taps = np.dtype([("on", "u8"), ("spare", "u8", (7,)), ("taps", Tap, (MOST_TAPS,))], align=True)

# One CPU's: when each tap wants a frame next, what became of its frames, and the last frame that one wanted. What a ring
# buffer holds of it begins at `when`.
TapOf = np.dtype(
    [
        ("left", "u8"),  # frames until this tap wants one
        ("window", "u8"),  # of the budget: what follows is of this one
        ("spent", "u8"),
        ("over", "u8"),  # frames beyond the budget
        ("lost", "u8"),  # for which there was no room in the ring buffer
        ("taken", "u8"),
        ("spare", "u8", (2,)),
    ],
    align=True,
)
Tapped = np.dtype(
    [
        ("on", "u8"),  # Taps.on when `left` was worked out
        ("left", "u8"),  # frames until any tap wants one
        ("step", "u8"),  # what `left` was then
        ("random", "u8"),
        ("wanted", "u8"),  # bits: the taps that want this frame; 0: it was not copied
        ("last", "u8"),  # of these, the one with the highest number
        ("taps", TapOf, (MOST_TAPS,)),
        ("when", "u8"),  # ns of the kernel's monotonic clock
        ("action", "i8"),  # what is done with the frame: enum xdp_action, or tcx_action_base
        ("length", "u4"),  # of the frame, as it came
        ("captured", "u4"),  # bytes of it that follow
        ("interface", "u4"),  # the kernel's number
        ("cpu", "u2"),
        ("tcx", "u2"),  # 1: the program is at tcx; 0: at XDP
        ("host", "u4"),  # Host.number
        ("reason", "u2"),
        ("begin", "u2"),  # where its IP header lies, if it does not begin with Ethernet
        ("frame", "u1", (SNAP + 8,)),  # and room for a load at its end, for the verifier
    ],
    align=True,
)
TAP_SIZE, TAP_OF_SIZE = Tap.itemsize, TapOf.itemsize


def offset_of(field: str, record: np.dtype[np.void] = Tapped) -> int:
    """Where a field of a record lies, in bytes."""
    assert record.fields
    return int(record.fields[field][1])


TAPS = table("taps", "array", Taps, flags=MMAPABLE)
TAPPED = table("tapped", "percpu_array", Tapped)
TAP_PROGRAMS = Table("tap_programs", "prog_array", 4, 4, MOST_TAPS)
TAP_PROGRAMS_IP = Table("tap_programs_ip", "prog_array", 4, 4, MOST_TAPS)  # at tcx: kinds are not mixed
