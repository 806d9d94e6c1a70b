"""Floods, inside the lab and nowhere else: frames made by a packet program of our own, sent from one CPU.

    with flooding(near, Target("192.0.2.10", 80, near.mac, outside.mac), seconds=10) as flood:
        ...
    print(flood.frames, flood.rate)

Safety: it takes an `Interface`, which only a lab makes; before anything is sent, here and again in the process that
sends, the kernel is asked whether it is a veth with the lab's mark in a namespace of the lab; every flood has an end.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace

from hardtack.compiler.objects import compiled
from hardtack.lab import programs
from hardtack.lab.attach import sink
from hardtack.lab.flooder import Order
from hardtack.lab.links import Interface, refuse_foreign
from hardtack.lab.packets.order import BATCH_US, MOST_BATCH, part_of, recipe_for
from hardtack.lab.packets.recipe import SPARE, Caller, Kind, Options, Target, frame_for
from hardtack.lab.process import Process

UNLIMITED = 2**63 - 1
UNPACED_BATCH = 64  # frames handed over at a time, if they go as fast as they can


class Flood:
    """A flood on its way."""

    def __init__(self, process: Process) -> None:
        self.process = process

    @property
    def frames(self) -> int:
        """Frames sent, as of its last report (every 2 s); exact once it has ended."""
        return int(self._told()["frames"])

    @property
    def rate(self) -> float:
        """Frames per second, likewise."""
        told = self._told()
        return told["frames"] / told["seconds"]

    def wait(self, timeout: float) -> None:
        """Until its count or time is up. ProcessFailed if that takes longer than `timeout` seconds, or goes wrong."""
        self.process.succeed(timeout)

    def stop(self) -> None:
        """End it now."""
        self.process.stop()

    def _told(self) -> dict[str, float]:
        told = [line for line in self.process.lines if line.startswith("{")]
        report: dict[str, float] = json.loads(told[-1]) if told else {"frames": 0, "seconds": 1}
        return report


@contextmanager
def flooding(
    interface: Interface,
    target: Target,
    *,
    seconds: float,
    kind: Kind = "syn",
    options: Options = "linux",
    rate: int = 0,
    count: int = UNLIMITED,
    cpu: int | None = None,
    seed: int = 0,
    sources: str = "",
    callers: Sequence[Caller] = (),
) -> Iterator[Flood]:
    """Send frames out of `interface` for `seconds`, at most `count`, at most `rate` a second; it has begun on entry.

    Frames claim to come from FLOOD_4 or FLOOD_6 (packets/recipe.py), or from that part of it which `sources` names; the
    sink drops what they provoke. `callers`: in whose names floods by name are sent (recipe.py has the names), from
    addresses of the lab. `seed` makes the same frames again. ForeignInterface if the lab did not make the interface,
    ValueError for other sources and callers.
    """
    interface.namespace.call(refuse_foreign, interface.namespace.name, interface.name)
    order = Order(
        namespace=interface.namespace.name,
        interface=interface.name,
        image=replace(compiled(programs.FLOOD), lines=()).dumps(),  # lines are for people, and a command line is short
        record=recipe_for(target, kind, options, limit=count, rate=rate, seed=seed, sources=sources, callers=callers).hex(),
        frame=(frame_for(target, kind, options, callers) + bytes(SPARE)).hex(),
        count=count,
        rate=rate,
        seconds=seconds,
        batch=part_of(rate, BATCH_US, MOST_BATCH) if rate else UNPACED_BATCH,
    )
    command = [sys.executable, "-m", "hardtack.lab.flooder", json.dumps(asdict(order))]
    with sink(interface), Process(command, interface.namespace, cpu=cpu) as process:
        process.wait_for("^ready$", 30)
        yield Flood(process)
