"""What an engine in user space works with while it judges a burst of frames. NumPy only; each worker has its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from hardtack.packet.layout import table
from hardtack.packet.records import Flow, Name, Query

MOST_TOGETHER = 64  # frames in a burst: what is known of them fits in a core's first cache
FRAME_SIZE = 40  # bytes of compiler/native.py's Frame

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
Item = np.dtype([("flow", Flow), ("name", Name), ("query", Query), ("reason", "i8")], align=True)
Burst = np.dtype([("items", Item, (MOST_TOGETHER,)), ("lanes_4", Lanes), ("lanes_6", Lanes)], align=True)

# What the entry takes: addresses of `count` frames, one behind the other, and of as many Outcomes; the most that are judged
# together
Batch = np.dtype([("frames", "u8"), ("outcomes", "u8"), ("count", "u8"), ("most", "u8")], align=True)
Outcome = np.dtype([("reason", "i4"), ("action", "i4")], align=True)  # `action`: enum xdp_action

BURST = table("burst", "percpu_array", Burst)


def offset_of(record: np.dtype[Any], field: str) -> int:
    """Where a field begins, in bytes."""
    return int(record.fields[field][1])  # type: ignore[index]
