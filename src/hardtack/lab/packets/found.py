"""Tables of the programs that only the bench has: what they find, restore, go round by. NumPy only."""

from __future__ import annotations

import numpy as np

from hardtack.image import MMAPABLE, Table
from hardtack.lab.packets.recipe import LARGEST

Found = np.dtype([("word", "u8")], align=True)
FOUND = Table("found", "array", 4, Found.itemsize, 1)

Original = np.dtype([("size", "u8"), ("frame", "u1", (LARGEST,))], align=True)
ORIGINAL = Table("original", "array", 4, Original.itemsize, 1)
FRAME = Original.itemsize - LARGEST  # offset of the frame, which is last


def original_of(frame: bytes) -> bytes:
    """The record for ORIGINAL; `frame` must have one of the lengths that `restore` knows: 60, 74, 94."""
    record = np.zeros((), Original)
    record["size"] = len(frame)
    record["frame"] = np.frombuffer(frame.ljust(LARGEST, b"\0"), np.uint8)
    return record.tobytes()


# How a frame is varied: which one is next, of how many sources (a power of 2), and how many bits that is; or of how many
# known connections (lab/packets/crowd.py). 0: not so
Varied = np.dtype([(name, "u8") for name in ("number", "sources", "shift", "connections")], align=True)
VARIED = Table("varied", "array", 4, Varied.itemsize, 1)

# The next source and destination, how many of them there are, and all of them: lab/packets/toured.py
STOPS = 1 << 14
Tour = np.dtype(
    [
        *((name, "u8") for name in ("source", "sources", "destination", "destinations")),
        ("from", "u8", (STOPS, 2)),
        ("to", "u8", (STOPS, 2)),
    ],
    align=True,
)
TOUR = Table("tour", "array", 4, Tour.itemsize, 1, MMAPABLE)
SOURCES, DESTINATIONS = (Tour.fields[name][1] for name in ("from", "to"))  # type: ignore[index]
