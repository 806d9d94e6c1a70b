"""What native code and Python share while captures are walked: records in memory, outcomes, limits. NumPy only."""

from __future__ import annotations

import numpy as np

MOST_FRAME = 1 << 18  # bytes of a captured frame: libpcap's MAXIMUM_SNAPLEN
MOST_BLOCK = 1 << 24  # bytes of a pcapng block that has a frame or describes an interface: libpcap's MAX_BLOCKSIZE
MOST_INTERFACES = 1024  # of a section
ROOM = 256  # bytes that a frame may grow by at each end

PCAP, PCAPNG = 1, 2  # Reader.format; 0: not known yet

# Interface.form: how frames begin. ETHERNET: as the packet program wants them. BY_VERSION: with IP, behind `strip` bytes.
# COOKED, COOKED_2: Linux cooked captures, versions 1 and 2. OTHER: unknown, such frames are counted and skipped
ETHERNET, BY_VERSION, COOKED, COOKED_2, OTHER = range(5)

# What the native walk returns. FOUND: a frame (within the program). MORE: the record at `head` goes on behind `tail`.
# HEADER: there is a header for Python to read. DAMAGED: `fault` says how. FULL: no room in the output. KEYS: `wanted` is an
# epoch without keys. BEFORE, AFTER: the frame to be explained is about to be judged, and was. DONE: every reader has ended
FOUND, MORE, HEADER, DAMAGED, FULL, KEYS, BEFORE, AFTER, DONE = range(9)

# Reader.fault: damage.py has the words
LONG_FRAME, SHORT_BLOCK, LONG_BLOCK, ODD_BLOCK, OTHER_LENGTH, NO_INTERFACE, FRAME_BEYOND = range(1, 8)

# How the frames of an interface begin, and how its times become ns: ticks / divide * multiply + offset; or, if `bits`,
# ticks are 2^-bits s.
Interface = np.dtype(
    [
        *((name, "u8") for name in ("form", "strip", "snap")),
        *((name, "u8") for name in ("multiply", "divide", "bits", "offset")),
        ("link", "u8"),  # LINKTYPE_*
        ("skipped", "u8"),  # frames, if the form is OTHER
    ],
    align=True,
)

# A capture as far as it is walked. Addresses are of this process's memory.
Reader = np.dtype(
    [
        ("head", "u8"),  # the next byte that is not read yet
        ("tail", "u8"),  # behind the last one that there is
        ("ended", "u8"),  # 1: nothing comes behind that, and all is read
        ("format", "u8"),
        ("swapped", "u8"),  # 1: of the other byte order
        ("record", "u8"),  # bytes of a pcap record's header
        ("interfaces", "u8"),
        ("skip", "u8"),  # bytes of a block to be skipped
        ("closing", "u8"),  # the length that must stand behind them; 0: none
        ("fault", "u8"),
        ("told", "u8"),  # the number that is wrong, and what it should be
        ("limit", "u8"),
        # the frame that comes next, if `ready`
        ("ready", "u8"),
        ("frame", "u8"),
        ("captured", "u8"),
        ("length", "u8"),
        ("time", "u8"),  # unix ns
        ("interface", "u8"),
        ("after", "u8"),  # where what follows it begins
        # frames so far
        ("number", "u8"),
        ("snapped", "u8"),
        ("table", Interface, (MOST_INTERFACES,)),
    ],
    align=True,
)

# Begins as compiler.native.Frame does: it is the frame that programs are given.
Job = np.dtype(
    [
        *((name, "u8") for name in ("head", "tail", "limit", "floor", "interface")),
        ("slot", "u8"),  # where frames are copied to; ROOM bytes before it are free
        ("room", "u8"),  # behind all that is free behind them
        ("readers", "u8"),  # an array of Reader: what came from outside, then what hosts have sent
        ("count", "u8"),  # of them, 1 or 2
        ("which", "u8"),  # the reader that an outcome is about
        ("out", "u8"),  # where the next block of the output goes; 0: nobody wants it
        ("out_end", "u8"),
        ("sent", "u8"),  # frames written there
        # the clock
        ("time", "u8"),  # of the frame, unix ns
        ("still", "u8"),  # the monotonic one, ns
        ("ahead", "u8"),  # what to add to a frame's time for it, modulo 2^64
        ("begun", "u8"),  # 1: a frame was dated
        ("first", "u8"),  # the earliest time of a frame, and the latest
        ("last", "u8"),
        ("late", "u8"),  # frames with a time before that of a frame before them
        ("latest", "u8"),  # by so many ns at most
        # epochs that there are keys of
        ("first_epoch", "u8"),
        ("last_epoch", "u8"),
        # the frame to be explained: its number in the first reader; 0: none. `paused`: Python was told that it comes
        ("stop", "u8"),
        ("paused", "u8"),
        ("reason", "u8"),
    ],
    align=True,
)


def place_of(name: str, record: np.dtype[np.void] = Job) -> int:
    """Where a field lies in a record."""
    assert record.fields is not None
    return int(record.fields[name][1])
