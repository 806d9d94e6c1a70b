"""Where every frame of the UMEM is: to show that none is lost, and none is in two places. For workers that have stopped."""

from __future__ import annotations

from collections import Counter
from typing import Any, Protocol

from hardtack.engines.worker_memory import Returns, Worker
from hardtack.kernel import xsk
from hardtack.kernel.umem import Umem
from hardtack.kernel.xsk import Socket

NAMES = {xsk.RX: "rx", xsk.TX: "tx", xsk.FILL: "fill", xsk.COMPLETION: "completion"}


class Counted(Protocol):
    """Workers and their sockets: an Engine."""

    umem: Umem
    returns: Returns
    workers: list[Worker]
    sockets: dict[Any, Socket]


def census(engine: Counted) -> dict[str, list[int]]:
    """Frames' offsets by where they are: "free", "returning", or a kind of ring; "twice"; and "kernel": nowhere else.

    The kernel holds what it is sending, and in copy mode a frame that it had no room to receive into.
    """
    mask = -engine.umem.frame_size
    found: dict[str, list[int]] = {"free": [], "returning": engine.returns.under_way(), **{n: [] for n in NAMES.values()}}
    for worker in engine.workers:
        found["free"] += map(int, worker.free[: int(worker.record["held"][0])])
    for socket in engine.sockets.values():
        for kind, ring in socket.rings.items():
            found[NAMES[kind]] += [offset & mask for offset in ring.content()]
    times = Counter(offset for offsets in found.values() for offset in offsets)
    found["twice"] = [offset for offset, count in times.items() if count > 1]
    every = range(0, engine.umem.size, engine.umem.frame_size)
    found["kernel"] = [offset for offset in every if offset not in times]
    return found
