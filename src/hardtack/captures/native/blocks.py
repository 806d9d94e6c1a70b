"""Frames written as blocks of pcapng: little-endian, ns, without options."""

from __future__ import annotations

from hardtack.captures.native.memory import copy_bytes
from hardtack.captures.native.records import MOST_FRAME, ROOM
from hardtack.captures.native.walk import PACKET
from hardtack.compiler.language import address, at, distance, i64, inlined, store32, u64
from hardtack.compiler.memory import pointer_at
from hardtack.packet.frame.platform import head, tail

BEGIN, AROUND = 28, 32  # bytes of a block before the frame, and before and behind it
LONGEST = MOST_FRAME + 2 * ROOM + AROUND  # bytes of a block


@inlined
def write_block(job, interface, more):
    """The job's frame. `more`: bytes that it had on the wire beside those that there are."""
    start, place = head(address(job)), pointer_at(job.out)
    size = distance(start, tail(address(job)))
    block = AROUND + ((size + 3) & ~3)
    store32(place, block - 8, 0)  # the padding; if there is none, it is the frame's
    store32(place, 0, PACKET)
    store32(place, 4, block)
    store32(place, 8, interface)
    store32(place, 12, i64(job.time >> u64(32)))
    store32(place, 16, i64(job.time & u64(0xFFFFFFFF)))
    store32(place, 20, size)
    store32(place, 24, size + more)
    copy_bytes(at(place, BEGIN), start, size)
    store32(place, block - 4, block)
    job.out += u64(block)
    job.sent += u64(1)
