"""On which CPUs the workers of the af_xdp engine run, if nobody has said: `choose` is pure, over facts from sysfs.

A worker's frames and rings should be in memory next to its CPU and next to the NIC: so CPUs of the NIC's NUMA node come
first. Among these a thread of each core comes before second threads, which share a core's caches and execution units with
the first. linux/Documentation/ABI: sysfs-devices-system-cpu, sysfs-devices-node, sysfs-class-net-device
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

SYS = Path("/sys")
FEWEST = 3  # CPUs, of which some are chosen


@dataclass(frozen=True)
class Topology:
    """The CPUs that there are to choose from; of each the hardware threads of its core, itself among them, and its node.

    What the kernel does not tell is not in the mappings.
    """

    allowed: frozenset[int]
    siblings: Mapping[int, frozenset[int]]
    nodes: Mapping[int, int]


def choose(found: Topology, near: Collection[int], most: int) -> tuple[int, ...]:
    """The best CPUs for `most` workers at most, best first; none: they should run wherever the scheduler puts them.

    `near`: the nodes that NICs are at, as far as that is known. In copy mode the kernel receives in a thread of its own
    (ksoftirqd, or threaded NAPI), which a worker with real-time priority keeps off its CPU. A worker that is not pinned
    moves out of its way. So nobody is pinned where a single worker can do so, or where there are too few CPUs to choose.
    """
    if most < 2 or len(found.allowed) < FEWEST:
        return ()

    def worse(cpu: int) -> tuple[bool, int, int]:
        core = found.siblings.get(cpu, frozenset({cpu})) & found.allowed
        return bool(near) and found.nodes.get(cpu) not in near, sum(one < cpu for one in core), cpu

    return tuple(sorted(found.allowed, key=worse)[:most])


def topology(root: Path = SYS, allowed: Collection[int] | None = None) -> Topology:
    """Of this machine; `allowed`: if not those that this process may run on."""
    cpus = frozenset(os.sched_getaffinity(0) if allowed is None else allowed)
    siblings = {cpu: told(root / f"devices/system/cpu/cpu{cpu}/topology/thread_siblings_list") for cpu in cpus}
    nodes: dict[int, int] = {}
    for path in (root / "devices/system/node").glob("node[0-9]*"):
        nodes |= dict.fromkeys(told(path / "cpulist"), int(path.name.removeprefix("node")))
    return Topology(cpus, {cpu: others for cpu, others in siblings.items() if others}, nodes)


def node_of(interface: str, root: Path = SYS) -> int | None:
    """The NUMA node that a NIC is at; None for what is no device, or where the firmware does not say (-1)."""
    with suppress(OSError, ValueError):
        node = int((root / "class/net" / interface / "device/numa_node").read_text())
        return node if node >= 0 else None
    return None


def told(path: Path) -> frozenset[int]:
    """A list of CPUs, as in "0-3,8"; empty if there is none."""
    found: set[int] = set()
    with suppress(OSError, ValueError):
        for part in filter(None, path.read_text().strip().split(",")):
            first, _, last = part.partition("-")
            found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)


@contextmanager
def running_on(cpus: Collection[int]) -> Iterator[None]:
    """This thread on these CPUs meanwhile; none: wherever it may. Memory that is first touched then is at their node."""
    before = os.sched_getaffinity(0)
    try:
        if cpus:
            os.sched_setaffinity(0, cpus)
        yield
    finally:
        os.sched_setaffinity(0, before)
