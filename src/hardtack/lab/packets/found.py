"""What the bench's cut programs write to and restore from: lab/packets/stages.py. NumPy only."""

from __future__ import annotations

import numpy as np

from hardtack.image import Table
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
