"""A frame of a capture, copied to where it may grow, with the Ethernet header that the packet program reads.

What was captured without one is given one: by IP's version, or by what the cooked header says. Addresses that nobody knows
are ours: locally administered ones (IEEE 802c), 02:00:00:00:00:01 for this machine, 02:00:00:00:00:02 for the sender.
"""

from __future__ import annotations

from hardtack.captures.native.memory import copy_bytes
from hardtack.captures.native.records import BY_VERSION, COOKED, ETHERNET, ROOM
from hardtack.captures.native.walk import interface_at
from hardtack.compiler.language import (
    at,
    i64,
    inlined,
    load8,
    load16,
    load16be,
    load32,
    store16,
    store32,
    store64,
    swap16,
    u64,
)
from hardtack.compiler.memory import pointer_at

HEADER = 14  # bytes
TYPE_IPV4, TYPE_IPV6 = 0x0800, 0x86DD
# 02:00:00:00:00:01, 02:00:00:00:00:02, as words of memory; and for frames to all, or to a group
OURS_AND_HALF, REST = 0x0002_0100_0000_0002, 0x0200_0000
BROADCAST, GROUP = 0x0002_FFFF_FFFF_FFFF, 0x0002_0100_005E_0001
TO_ALL, TO_GROUP = 1, 2  # kinds of frames in a cooked header: PACKET_BROADCAST, PACKET_MULTICAST
MAC = 6  # bytes


@inlined
def take(job, reader):
    """The frame that the reader has found, into the slot: it is the job's then."""
    way, size = interface_at(reader, i64(reader.interface)), i64(reader.captured)
    slot, data = pointer_at(job.slot), pointer_at(reader.frame)
    if way.form == u64(ETHERNET):
        copy_bytes(slot, data, size)
    else:
        size = dressed(slot, data, size, way)
    job.head, job.tail = job.slot, job.slot + u64(size)
    job.floor, job.limit = job.slot - u64(ROOM), job.room


@inlined
def dressed(slot, data, size, way):
    """With a header before it: how long it is then. Nothing is left of a frame that ends within its own header."""
    strip, form = i64(way.strip), i64(way.form)
    if size < strip:
        return 0
    packet = at(data, strip)
    copy_bytes(at(slot, HEADER), packet, size - strip)
    store64(slot, 0, u64(OURS_AND_HALF))
    store32(slot, 8, REST)
    if form == BY_VERSION:
        version = load8(packet, 0) >> 4 if size > strip else 0
        store16(slot, 12, swap16(TYPE_IPV4 if version == 4 else TYPE_IPV6 if version == 6 else 0))
    elif form == COOKED:
        write_cooked(slot, load16be(data, 0), load16be(data, 4), at(data, 6), load16(data, 14))
    else:
        write_cooked(slot, load8(data, 10), load8(data, 11), at(data, 12), load16(data, 0))
    return size - strip + HEADER


@inlined
def write_cooked(slot, kind, size, sender, protocol):
    """What a cooked header says: to whom, from whom, as far as that is an Ethernet address, and what it carries."""
    if kind == TO_ALL:
        store64(slot, 0, u64(BROADCAST))
    elif kind == TO_GROUP:
        store64(slot, 0, u64(GROUP))
    if size == MAC:
        store16(slot, 6, load16(sender, 0))
        store32(slot, 8, load32(sender, 2))
    store16(slot, 12, protocol)
