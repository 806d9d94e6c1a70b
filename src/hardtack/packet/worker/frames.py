"""Who owns which frame of the UMEM: each worker a part of it. A frame is in one ring, in one burst, or free: never twice.

A frame that left by another worker's queue comes back in that one's completion ring. He returns it by a ring that only the
two of them use, so that no lock is needed; it has room for all frames that an owner has.
"""

from __future__ import annotations

from hardtack.compiler.language import at, i64, inlined, load64, store64, u64, viewed
from hardtack.compiler.memory import number_of, pointer_at
from hardtack.compiler.rings import load_acquire, store_release
from hardtack.packet.worker.ring import (
    LOW_32,
    OFFSET,
    advance,
    consumed,
    exists,
    filled,
    have_received,
    have_sent,
    place,
    produced,
    room,
    wants_wakeup,
)
from hardtack.packet.worker_records import LINE, Return

RETURN_SIZE = Return.itemsize
WORD = 8

return_at = viewed(Return)


@inlined
def base_of(worker, pointer):
    """The offset of the frame that a pointer is in."""
    return i64(number_of(pointer) - worker.umem) & -worker.frame_size


@inlined
def free(worker, base):
    """A frame of ours is not used any more."""
    store64(pointer_at(worker.free), worker.held * WORD, u64(base))
    worker.held += 1


@inlined
def give_back(worker, base):
    """A frame that the kernel has sent is not used any more, whoever owns it."""
    owner = i64(u64(base) // u64(worker.share))
    if owner == worker.number:
        free(worker, base)
        return
    way = way_back(worker, owner, worker.number)
    count = load_acquire(way)
    store64(pointer_at(return_at(way).slots), (count & worker.return_mask) * WORD, u64(base))
    store_release(way, count + 1)


@inlined
def way_back(worker, owner, sender):
    """Where the Return from one worker to another is."""
    return at(pointer_at(worker.returns), (owner * worker.workers + sender) * RETURN_SIZE)


@inlined
def take_back(worker):
    """What other workers have returned: how many frames."""
    taken = 0
    for other in range(worker.workers):
        way = way_back(worker, worker.number, other)
        index, end = load_acquire(at(way, LINE)), load_acquire(way)
        if index != end:
            slots = pointer_at(return_at(way).slots)
            while index != end:
                free(worker, i64(load64(slots, (index & worker.return_mask) * WORD)))
                index = (index + 1) & LOW_32
                taken += 1
            store_release(at(way, LINE), index)
    return taken


@inlined
def collect(worker, port):
    """What the kernel has sent, by a queue of ours: how many frames."""
    ring = port.completion
    if not exists(ring):
        return 0
    count = filled(ring)
    for number in range(count):
        give_back(worker, i64(load64(place(ring, number, OFFSET), 0)) & -worker.frame_size)
    if count:
        advance(ring, count)
        consumed(ring)
    return count


@inlined
def refill(worker, port):
    """Free frames for what comes in, as many as there is room for: an error that will not go away (errno), or 0.

    A driver that has found none asks to be woken. Where nothing is received, it has to be told by sending.
    """
    ring = port.fill
    if not exists(ring):
        return 0
    wanted = room(ring)
    count = wanted if wanted < worker.held else worker.held
    for number in range(count):
        worker.held -= 1
        store64(place(ring, number, OFFSET), 0, load64(pointer_at(worker.free), worker.held * WORD))
    if not count:
        return 0
    advance(ring, count)
    produced(ring)
    if not wants_wakeup(ring):
        return 0
    worker.wakeups += u64(1)
    return have_received(port.fd) if exists(port.rx) else have_sent(port.fd)
