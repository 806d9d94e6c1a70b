"""A frame that a tap wants, of a worker in user space: shown to the taps' programs, which only the kernel can run.

Attached nowhere: the worker has it run (BPF_PROG_TEST_RUN), on what it has in its own record of the table `tapped`, from
`when` on. In the place of `when` are the taps that want the frame, and above LAST_SHIFT the last of them.
"""

from __future__ import annotations

from hardtack.compiler.language import absent, address, at, barrier, i64, u64
from hardtack.packet.frame.platform import copy, show_tap
from hardtack.packet.out.tap import own_tapped
from hardtack.packet.tap_tables import LAST_SHIFT, SNAP, offset_of

DROP = 1  # enum xdp_action
RECORD, FRAME = offset_of("when"), offset_of("frame")
HEADER = FRAME - RECORD
ALL_TAPS = (1 << LAST_SHIFT) - 1


def relay(frame):
    """struct xdp_md -> XDP_DROP, or what the taps' programs return."""
    own = own_tapped()
    if absent(own) or copy(frame, 0, at(address(own), RECORD), HEADER):
        return DROP
    captured = i64((u64(own.captured) - u64(1)) & u64(SNAP - 1)) + 1
    if copy(frame, HEADER, at(address(own), FRAME), captured):
        return DROP
    own.wanted, own.last = own.when & u64(ALL_TAPS), own.when >> u64(LAST_SHIFT)
    barrier()
    show_tap(frame, i64(own.last))
    return DROP
