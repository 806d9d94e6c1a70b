"""Where contestants meet: one link, a CPU that sends, a CPU that receives, and the time the receiving thread took.

     CPU a                                  CPU b
    +-------------------+              +---------------------------------------------+
    | generator: frames |              | receiving thread of `outside`: the          |
    | made and sent     +------------->| contestant, its answers sent or frames sent |
    |                   |              | on by way of `inside`                       |
    |                   |              |        |                          |         |
    |                   |              | receiving thread of         ... of `far`:   |
    |                   |              | `near`: drops the answers   drops these     |
    +-------------------+              +---------------------------------------------+

A slice of measurement is a few hundred thousand frames, sent as fast as they can be made; what the receiver cannot take
is lost before it costs it anything. The cost is the CPU time of the receiving thread, which the kernel keeps to the
nanosecond and which leaves out whatever else ran on that CPU, over the frames received. Who receives the answers, and the
frames sent on, stands for the rest of the world: that has threads of its own, on the same CPU so that the generator's is
never the bottleneck; their time is told apart.

XDP sends its answers 64 at a time and then wakes that thread, which has real-time priority, so that no answer waits. The
network stack sends and wakes one by one, and there is a trap: the kernel charges what a thread does between waking one
that goes before it and giving way to the thread it woke (wakeup_preempt, rq_clock_skip_update), which would be most of
the stack's work. So behind the stack that thread is one that never goes before another (SCHED_BATCH); the stack's answers
wait, and most find the veth's queue full and are lost, once the stack has done all its work for them.
"""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np
from pyroute2 import IPRoute

from hardtack.compiler.objects import compiled
from hardtack.kernel import links
from hardtack.kernel.bpf import BpfError
from hardtack.kernel.datapath import Datapath
from hardtack.kernel.programs import Program
from hardtack.lab import cpu, programs, topology
from hardtack.lab.addresses import CLIENT
from hardtack.lab.attach import attach, sink
from hardtack.lab.bench.kinds import ALL, Kind
from hardtack.lab.counters import Traffic, traffic
from hardtack.lab.links import Interface, refuse_foreign
from hardtack.lab.namespaces import LabError
from hardtack.lab.packets.recipe import KEY
from hardtack.lab.topology import Topology

BATCH = 64  # frames the generator hands over at a time
PATIENCE = 2.0  # s for frames under way
WARM_UP = 20_000  # frames before each slice: caches and branch predictors know the contestant


@dataclass(frozen=True)
class Slice:
    """One measurement. Frames; nanoseconds of CPU time; seconds by the wall."""

    sent: int
    lost: int  # on the way: the receiver was busy
    received: int
    returned: int  # answers
    sent_on: int  # by way of `inside`
    nanoseconds: int  # of the receiving thread
    sink_nanoseconds: int  # of the threads that take answers and what is sent on
    seconds: float

    @property
    def cost(self) -> float:
        """CPU ns per frame received."""
        return self.nanoseconds / max(self.received, 1)


@dataclass(frozen=True)
class Reading:
    """All counters at one moment; `spent`, `sunk`: ns of the receiving thread and of those that take what leaves it."""

    near: Traffic
    outside: Traffic
    far: Traffic
    spent: int
    sunk: int


class Ground:
    """The link and its threads. Use `open_ground`."""

    def __init__(
        self, net: Topology, beyond: tuple[Interface, Interface], generators: Mapping[str, Datapath], cpus: tuple[int, int]
    ) -> None:
        self.net = net
        self.inside, self.far = beyond
        self.sender, self.receiver = cpus
        self._generators = generators
        self._link: links.Link | None = None
        self._sinks: list[int] = []
        self._receivers: list[int] = []

    def put(self, program: Program | None) -> None:
        """The XDP program that receives from now on; None: the network stack does."""
        if program is not None and self._link is not None:
            self._link.update(program)
            return
        if program is not None:
            self._link = self.net.front.call(links.attach_xdp, program, self.net.outside.index)
        else:
            self.clear()
        self._receivers = cpu.thread_receivers(self.net.outside, self.receiver)
        answered = cpu.thread_receivers(self.net.near, self.receiver, realtime=program is not None)
        if program is None:
            for pid in answered:
                os.sched_setscheduler(pid, os.SCHED_BATCH, os.sched_param(0))
        self._sinks = answered + cpu.thread_receivers(self.far, self.receiver, realtime=True)

    def clear(self) -> None:
        """No XDP program."""
        if self._link is not None:
            self._link.close()
            self._link = None

    def warm_up(self, kind: Kind) -> None:
        """A few frames that do not count."""
        self.slice(kind, WARM_UP)

    def slice(self, kind: Kind, frames: int) -> Slice:
        """Send so many frames of a kind; what became of them."""
        started, before = time.perf_counter(), self._now()
        sent = self._send(kind, frames)
        seconds = time.perf_counter() - started
        after = self._settled(sent, before)
        near, outside, far = after.near - before.near, after.outside - before.outside, after.far - before.far
        spent, sunk = after.spent - before.spent, after.sunk - before.sunk
        return Slice(sent, near.send_drops, outside.received, near.received, far.received, spent, sunk, seconds)

    def _settled(self, sent: int, before: Reading) -> Reading:
        """The counters once all that was sent has been received or lost; a thread may have to wait for its CPU."""
        end = time.monotonic() + PATIENCE
        while True:
            time.sleep(0.003)
            now = self._now()
            lost = now.near.send_drops - before.near.send_drops
            if now.outside.received - before.outside.received >= sent - lost or time.monotonic() > end:
                return now

    def _now(self) -> Reading:
        spent, sunk = (sum(map(cpu.nanoseconds, pids)) for pids in (self._receivers, self._sinks))
        return Reading(traffic(self.net.near), traffic(self.net.outside), traffic(self.far), spent, sunk)

    def _send(self, kind: Kind, frames: int) -> int:
        """How many frames the generator has made."""
        near = self.net.near
        target = kind.target(near.mac, self.net.outside.mac)
        generator = self._generators[kind.generator.name]
        (table,) = generator.tables.values()
        table.update(KEY, kind.order(target))
        self.net.client.call(self._run, generator.program, kind.frame(target), frames)
        return int(np.frombuffer(table.lookup(KEY) or b"", kind.record)["sent"][0])

    def _run(self, generator: Program, frame: bytes, frames: int) -> None:
        near = self.net.near
        index = refuse_foreign(near.namespace.name, near.name)  # the kernel says whether it is the lab's, each time
        try:
            generator.run_live(frame, frames, index, BATCH)
        except BpfError as error:
            if error.errno != errno.EINTR:  # a signal: Python's handler has the say
                raise


def _know_client(net: Topology) -> None:
    """The client's MAC address, for ever: a contestant that answers every frame lets no ARP or ND reply through."""
    with IPRoute() as kernel:
        for address in CLIENT:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            mac = net.near.mac.hex(":")
            kernel.neigh("replace", family=family, dst=address, lladdr=mac, ifindex=net.outside.index, state="permanent")


@contextmanager
def open_ground() -> Iterator[Ground]:
    """The lab, with this process on the sending CPU while it lasts. LabError on a machine with one CPU."""
    allowed = os.sched_getaffinity(0)
    if len(allowed) < 2:
        raise LabError("the bench sends on one CPU and receives on another, and this machine gives it one")
    sender, receiver = sorted(allowed)[:2]
    with ExitStack() as parts:
        net = parts.enter_context(topology.local())
        beyond = net.lab.join(net.front, net.lab.namespace("server"))
        sources = {kind.generator.name: kind.generator for kind in ALL}
        generators = {name: parts.enter_context(Datapath(compiled(source))) for name, source in sources.items()}
        parts.enter_context(sink(net.near))
        parts.enter_context(attach(beyond[1], programs.DROP))
        net.front.call(_know_client, net)
        ground = Ground(net, beyond, generators, (sender, receiver))
        parts.callback(ground.clear)
        parts.callback(os.sched_setaffinity, 0, allowed)
        os.sched_setaffinity(0, {sender})
        yield ground
