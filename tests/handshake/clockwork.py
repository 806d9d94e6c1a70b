"""A front and an agent without their daemons, so that a test says what time each of them believes it is.

Their clocks go on from there. A cookie's age is what the agent's clock says at the ACK less what the front's said at the
SYN: nobody waits.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from handshake.stage import write_configuration
from hardtack.agent.daemon import attach as attach_agent
from hardtack.control.config import load
from hardtack.control.tables import host_entries, host_updates
from hardtack.engines import xdp
from hardtack.kernel.datapath import Datapath
from hardtack.keys import EPOCH, read_key, schedule
from hardtack.lab import topology
from hardtack.lab.topology import Topology
from hardtack.packet.entries import ONLY, clock_entry, keys_entry
from hardtack.packet.reasons import Reason

EPOCH_BEGINS = 27_559_375 * EPOCH  # unix seconds; cookie.md's vectors are of this epoch, but any will do
CLOCK_MONOTONIC_COARSE = 6  # linux/time.h: what the packet programs read
TICKS = 2  # programs work out the time once a tick; one may have just begun


class Clock:
    """The clock and the keys of one datapath."""

    def __init__(self, datapath: Datapath, master: bytes) -> None:
        self.datapath = datapath
        self._tables, self._master, self._offset = datapath.tables, master, 0

    def believe(self, now: float, *, master: bytes | None = None) -> None:
        """From here on it is `now` (unix seconds), and the keys are those for the hour to come."""
        self.set_clock(now)
        self._tables["keys"].update(ONLY, keys_entry(schedule(master or self._master, now)))
        let_ticks_pass()

    def set_clock(self, now: float) -> None:
        """From here on it is `now`; the keys stay as they are."""
        self._offset = round(now * 1e9) - coarse_ns()
        self._tables["clock"].update(ONLY, clock_entry(self._offset))
        let_ticks_pass()

    def write_again(self) -> None:
        """Both tables, as they are."""
        self._tables["clock"].update(ONLY, clock_entry(self._offset))
        self._tables["keys"].update(ONLY, keys_entry(schedule(self._master, self.now())))

    def now(self) -> float:
        """What time it believes it is."""
        return (coarse_ns() + self._offset) / 1e9

    def counts(self) -> Counter[Reason]:
        """Its counters."""
        row = self.datapath.counters()
        return Counter({reason: row[reason] for reason in Reason})


def coarse_ns() -> int:
    """The clock that packet programs go by."""
    return time.clock_gettime_ns(CLOCK_MONOTONIC_COARSE)


def let_ticks_pass() -> None:
    """Until every CPU works out the time anew."""
    for _ in range(TICKS):
        before = coarse_ns()
        while coarse_ns() == before:
            time.sleep(0.001)


@dataclass(frozen=True)
class Clockwork:
    """A topology whose front and agent have clocks of their own, unless they are one machine with one clock."""

    net: Topology
    front: Clock
    agent: Clock

    def believe(self, now: float) -> None:
        """Both."""
        self.front.believe(now)
        self.agent.believe(now)

    def cookies(self) -> tuple[int, int, int]:
        """SYNs answered, cookies admitted, bad cookies: since the beginning."""
        front, agent = self.front.counts(), self.agent.counts()
        return front[Reason.answered], agent[Reason.admitted], agent[Reason.bad_cookie]


@contextmanager
def clockwork(local: bool, folder: Path) -> Iterator[Clockwork]:
    """Attached, and at the beginning of an epoch."""
    with ExitStack() as parts:
        net = parts.enter_context(topology.local() if local else topology.routed())
        config = load(write_configuration(net, folder))
        master = read_key(config.front.key_file)
        front = parts.enter_context(xdp.open_front())
        for table, key, value in host_updates(host_entries(config)):
            front.tables[table].update(key, value)
        shared = {name: front.tables[name] for name in ("keys", "clock")} if local else None
        agent = parts.enter_context(net.server.call(attach_agent, net.far.name, shared))
        net.front.call(xdp.attach_front, front, net.outside.name)
        made = Clockwork(net, Clock(front, master), Clock(agent, master))
        made.believe(EPOCH_BEGINS)
        yield made
