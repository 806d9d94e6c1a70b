"""What an engine in user space works with while it judges a burst of frames. NumPy only; each worker has its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from hardtack.packet.layout import table
from hardtack.packet.records import Flow, Name, Query

MOST_TOGETHER = 64  # frames in a burst
TOGETHER = 32  # that engines judge at a time: with more, what is known of them pushes tables out of a core's first cache

# Tags that are made side by side, each value in a row of its own, so that a vector instruction takes several at once
Lanes = np.dtype(
    [
        *((name, "u8", (MOST_TOGETHER,)) for name in ("low", "high")),  # of the keys
        *((name, "u8", (MOST_TOGETHER,)) for name in ("source_high", "source_low", "destination_high", "destination_low")),
        *((name, "u8", (MOST_TOGETHER,)) for name in ("ports_isn", "said", "tag")),
        ("number", "u8", (MOST_TOGETHER,)),  # of the frame in its burst
    ],
    align=True,
)
# One frame of a burst, as far as the phases have come with it
Item = np.dtype([("flow", Flow), ("name", Name), ("query", Query), ("reason", "i8"), ("likely", "i8")], align=True)
NOWHERE = -1  # Item.likely: else the place in `connections` that its tag fits, the first
Burst = np.dtype([("items", Item, (MOST_TOGETHER,)), ("lanes_4", Lanes), ("lanes_6", Lanes)], align=True)

# A frame of a burst. It begins with what platform calls know of a frame: compiler/native.py
Frame = np.dtype(
    [
        ("head", "u8"),
        ("tail", "u8"),
        ("limit", "u8"),
        ("floor", "u8"),
        ("interface", "u8"),
        # What has become of it
        ("action", "i4"),  # enum xdp_action; of XDP_REDIRECT, above 8 bits the place in `exits`
        ("reason", "i4"),
        ("spare", "u8", (2,)),  # 64 bytes, a cache line
    ],
    align=True,
)
# What the entry `bursts` takes: where so many Frames are; the most that are judged together
Batch = np.dtype([("frames", "u8"), ("count", "u8"), ("most", "u8")], align=True)

BURST = table("burst", "percpu_array", Burst)


def offset_of(record: np.dtype[Any], field: str) -> int:
    """Where a field begins, in bytes."""
    return int(record.fields[field][1])  # type: ignore[index]
