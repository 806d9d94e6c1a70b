"""Rings that are shared with the kernel: a producer and a consumer, each of whom writes its own index. linux/if_xdp.h"""

from __future__ import annotations

from hardtack.compiler.language import at, i64, inlined, load32, u64
from hardtack.compiler.memory import pointer_at
from hardtack.compiler.rings import errno_location, load_acquire, recvfrom, sendto, store_release

LOW_32 = 0xFFFFFFFF
DESCRIPTOR, OFFSET = 16, 8  # bytes: struct xdp_desc; an entry of FILL and COMPLETION
NEED_WAKEUP = 1  # XDP_RING_NEED_WAKEUP
DONTWAIT = 0x40  # MSG_DONTWAIT
EAGAIN, EBUSY, ENOBUFS, ENETDOWN = 11, 16, 105, 100


@inlined
def exists(ring):
    """Whether the socket has this ring."""
    return ring.mask >= 0


@inlined
def filled(ring):
    """Of a ring that we consume: how many descriptors are in it."""
    ring.theirs = load_acquire(pointer_at(ring.producer))
    return (ring.theirs - ring.mine) & LOW_32


@inlined
def room(ring):
    """Of a ring that we produce: how many descriptors it has room for."""
    ring.theirs = load_acquire(pointer_at(ring.consumer))
    return ring.mask + 1 - ((ring.mine - ring.theirs) & LOW_32)


@inlined
def has_room(ring):
    """Whether there is any; the kernel's index is looked at only if there was none when it was seen last."""
    return (ring.mine - ring.theirs) & LOW_32 <= ring.mask or room(ring) > 0


@inlined
def place(ring, ahead, size):
    """Where the descriptor is that lies so far ahead of our index."""
    return at(pointer_at(ring.descriptors), ((ring.mine + ahead) & ring.mask) * size)


@inlined
def advance(ring, count):
    """So many descriptors are done with; the kernel does not know yet."""
    ring.mine = (ring.mine + count) & LOW_32


@inlined
def consumed(ring):
    """Tell the kernel how far we have consumed."""
    store_release(pointer_at(ring.consumer), ring.mine)


@inlined
def produced(ring):
    """Tell the kernel how far we have produced."""
    store_release(pointer_at(ring.producer), ring.mine)


@inlined
def wants_wakeup(ring):
    """Whether the kernel works on this ring only if it is called."""
    return load_acquire(pointer_at(ring.flags)) & NEED_WAKEUP != 0


@inlined
def have_sent(fd):
    """Have the kernel send what is in a socket's TX ring: 0, or an error that will not go away (errno)."""
    return lasting(sendto(fd, u64(0), u64(0), DONTWAIT, u64(0), u64(0)))


@inlined
def have_received(fd):
    """Have the kernel, or its driver, fill a socket's RX ring: likewise."""
    return lasting(recvfrom(fd, u64(0), u64(0), DONTWAIT, u64(0), u64(0)))


@inlined
def lasting(result):
    """An error that trying again does not help against: its errno; 0: there is none."""
    if result >= 0:
        return 0
    number = i64(load32(errno_location(), 0))
    return 0 if number == EAGAIN or number == EBUSY or number == ENOBUFS or number == ENETDOWN else number
