"""What a worker of the af_xdp engine works with: its rings, sockets and frames. Written by engines/af_xdp.py. NumPy only.

Addresses are numbers of this process; offsets count from the UMEM's beginning.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hardtack.image import MMAPABLE, Table
from hardtack.packet.burst_records import BURST
from hardtack.packet.layout import COUNTERS, MOST_EXITS, SEARCH, table
from hardtack.packet.rule_tables import RULE_COUNTERS

LINE = 64  # bytes of a cache line

# A ring that is shared with the kernel. `mine` is our index of the two: how far we have consumed, or produced (what is not
# published yet included); `theirs`: the kernel's, as it was seen last. Both as the ring has them, modulo 2^32.
Ring = np.dtype(
    [
        ("producer", "u8"),  # where the two indices are, 32 bits each
        ("consumer", "u8"),
        ("flags", "u8"),  # where they are; bit 0: the kernel wants to be woken
        ("descriptors", "u8"),
        ("mask", "i8"),  # descriptors, less 1; -1: there is no such ring
        ("mine", "i8"),
        ("theirs", "i8"),
        ("spare", "i8"),
    ],
    align=True,
)

# A socket on a queue of an interface.
Port = np.dtype(
    [
        ("rx", Ring),
        ("tx", Ring),
        ("fill", Ring),
        ("completion", Ring),  # of a queue's first socket; the others' frames come back there, too
        ("fd", "i8"),
        ("interface", "i8"),  # its index
        ("kernel", "i8"),  # of a socket that receives: the descriptor that its frames are handed to the kernel by; -1: none
        # Of a socket whose queue is another worker's: where that one's completion ring has its indices, how many
        # descriptors are to be in it before he is woken, and by which eventfd; 0: our own
        ("others_producer", "u8"),
        ("others_consumer", "u8"),
        ("others_most", "i8"),
        ("others_bell", "i8"),
        ("spare", "i8"),
    ],
    align=True,
)

# Frames on their way back to the worker that owns them, from one other: as many as there can be. Indices ever count.
Return = np.dtype(
    [
        ("produced", "u4"),
        ("apart", "u1", (LINE - 4,)),
        ("consumed", "u4"),
        ("apart_2", "u1", (LINE - 12,)),
        ("slots", "u8"),  # where they are: offsets
    ],
    align=True,
)

Worker = np.dtype(
    [
        # Written by whoever stops it
        ("stop", "u4"),
        ("apart", "u1", (LINE - 4,)),
        # Written before it begins
        ("number", "i8"),
        ("workers", "i8"),
        ("ports", "u8"),  # where its Ports are, and how many
        ("port_count", "i8"),
        ("exits", "i8", (MOST_EXITS,)),  # by place in `exits`: the number of a port, from 1; 0: there is none
        ("umem", "u8"),  # where it is
        ("frame_size", "i8"),
        ("share", "i8"),  # bytes of it that each worker owns
        ("free", "u8"),  # where the offsets of free frames are kept, as a stack
        ("frames", "u8"),  # where the Frames of a burst are
        ("returns", "u8"),  # where the Returns are: a row for each owner, in it one for each worker that returns frames
        ("return_mask", "i8"),  # slots of a Return, less 1
        ("polled", "u8"),  # struct pollfd of each receiving socket, and last of the eventfd that wakes it; how many
        ("polled_count", "i8"),
        ("bell", "i8"),  # that eventfd
        ("run", "u8"),  # where the union bpf_attr is that has packet/relay.py run, and its size in bytes
        ("run_size", "i8"),
        ("patience", "i8"),  # turns without work before it sleeps
        ("sleep_ms", "i8"),  # at most; 0: it never sleeps, but polls the driver
        # Its own
        ("held", "i8"),  # free frames
        ("failure", "i8"),  # errno: why it has ended, though nobody stopped it
        ("bursts", "u8"),
        ("received", "u8"),  # frames: what became of them follows
        ("replied", "u8"),
        ("redirected", "u8"),
        ("passed", "u8"),
        ("dropped", "u8"),
        ("ring_full", "u8"),  # replies and redirected frames that found no room in the TX ring
        ("not_passed", "u8"),  # frames for the kernel that it did not take, or that there was no way for
        ("wakeups", "u8"),  # system calls to send or receive
        ("sleeps", "u8"),
        ("cpu", "i8"),  # that it is pinned to; -1: none
        ("zero_copy", "u8"),  # 1: the drivers work on the UMEM itself
        ("turns", "u4"),  # of its loop, modulo 2^32: what it has found in tables in one, it has let go of after it
        ("apart_2", "u1", (60,)),
    ],
    align=True,
)

Timespec = np.dtype([("seconds", "i8"), ("nanoseconds", "i8")], align=True)

# The monotonic clock, in ns, as it was when the burst began: coarse_ns() of native code
BURST_CLOCK = table("burst_clock", "percpu_array", np.dtype([("ns", "u8")], align=True))
NATIVE_ONLY = (BURST_CLOCK, BURST)  # no program in the kernel has them
# What outlives workers: their records, and their own of tables that each CPU has its own of and that are read from outside
WORKERS = table("workers", "array", Worker, 1, MMAPABLE)
COUNTED = (COUNTERS, RULE_COUNTERS, SEARCH)


def of_workers(own: Table) -> Table:
    """Where they have it: one worker's entries after the other's, of whole cache lines."""
    size = own.value_size + -own.value_size % LINE
    return replace(own, name=f"worker_{own.name}", kind="array", value_size=size, flags=MMAPABLE)


WORKERS_OWN = tuple(map(of_workers, COUNTED))
