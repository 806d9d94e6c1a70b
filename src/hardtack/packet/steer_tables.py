"""The tables of the program that steers frames to the af_xdp engine, and of the one that takes some back. NumPy only."""

from __future__ import annotations

import numpy as np

from hardtack.image import MMAPABLE, Table
from hardtack.packet.layout import MOST_EXITS, table

MOST_QUEUES = 256  # of an uplink; its frames are called by its number << QUEUE_BITS | queue
QUEUE_BITS = 8

# What becomes of frames of protected hosts whose queue has no socket: PASSED to the kernel; HELD: those of known
# connections pass, those of none for a protected port are dropped; JUDGED in the kernel, by the front's program
PASSED, HELD, JUDGED = range(3)
Steering = np.dtype([("when_down", "u8")], align=True)
STEERING = table("steering", "array", Steering, flags=MMAPABLE)

XSKS = Table("xsks", "xskmap", 4, 4, MOST_EXITS << QUEUE_BITS)
STEERED = Table("steered", "prog_array", 4, 4, 1)
FRONT_PLACE = 0  # in it

# Of a TAP device's program: the index of the interface that its frames belong to
Belonging = np.dtype([("interface", "u8")], align=True)
BELONGING = table("belonging", "array", Belonging)
