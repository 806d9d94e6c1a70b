"""A front and an agent whose processes are gone, so that a test says what time each of them believes it is.

Programs and tables go on without them, and nobody else writes the clock. It goes on from where it was set. A cookie's age
is what the agent's clock says at the ACK less what the front's said at the SYN: nobody waits.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from handshake.counted import pinned
from handshake.stage import PATIENCE, Stage, agent_command, detach, front_command, write_configuration
from hardtack.image import ONLY
from hardtack.kernel.maps import Map
from hardtack.keys import EPOCH, read_key, schedule
from hardtack.lab import topology
from hardtack.lab.attach import attach
from hardtack.lab.links import Interface
from hardtack.lab.namespaces import Namespace
from hardtack.lab.process import Process
from hardtack.lab.programs import PASS
from hardtack.lab.topology import Topology
from hardtack.packet.entries import clock_entry, keys_entry
from hardtack.packet.layout import CLOCK, KEYS, NETS, Net
from hardtack.packet.reasons import Reason

EPOCH_BEGINS = 27_559_375 * EPOCH  # unix seconds; cookie.md's vectors are of this epoch, but any will do
CLOCK_MONOTONIC_COARSE = 6  # linux/time.h: what the packet programs read
TICKS = 2  # programs work out the time once a tick; one may have just begun


class Clock:
    """The clock and the keys of a front or an agent; `counts` is what it has counted so far."""

    def __init__(self, clock: Map, keys: Map, counts: Callable[[], Counter[Reason]], master: bytes) -> None:
        self.counts = counts
        self._clock, self._keys, self._master, self._offset = clock, keys, master, 0

    def believe(self, now: float, *, master: bytes | None = None) -> None:
        """From here on it is `now` (unix seconds), and the keys are those for the hour to come."""
        self._keys.update(ONLY, keys_entry(schedule(master or self._master, now)))
        self.set_clock(now)

    def set_clock(self, now: float) -> None:
        """From here on it is `now`; the keys stay as they are."""
        self._offset = round(now * 1e9) - coarse_ns()
        self._clock.update(ONLY, clock_entry(self._offset))
        let_ticks_pass()

    def write_again(self) -> None:
        """Both tables, as they are."""
        self._clock.update(ONLY, clock_entry(self._offset))
        self._keys.update(ONLY, keys_entry(schedule(self._master, self.now())))

    def now(self) -> float:
        """What time it believes it is."""
        return (coarse_ns() + self._offset) / 1e9


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

    def clocks(self) -> list[Clock]:
        """The front's, and the agent's if that is another one."""
        return [self.front] if self.net.is_local else [self.front, self.agent]

    def cookies(self) -> tuple[int, int, int]:
        """SYNs answered, cookies admitted, bad cookies: since the beginning."""
        front, agent = self.front.counts(), self.agent.counts()
        return front[Reason.answered], agent[Reason.admitted], agent[Reason.bad_cookie]


@contextmanager
def clockwork(local: bool, folder: Path) -> Iterator[Clockwork]:
    """Attached, and at the beginning of an epoch."""
    with ExitStack() as parts:
        net = parts.enter_context(topology.local() if local else topology.routed())
        parts.enter_context(attach(net.near, PASS))
        configuration = write_configuration(net, folder)
        master = read_key(folder / "key")
        agent = None if local else attached(agent_command(net.far.name, folder / "key"), net.server)
        front = attached(front_command(configuration), net.front)
        parts.callback(detach, net)
        end_grace(net.outside)
        stage = Stage(net, front, agent or front)
        tables = [parts.enter_context(pinned(net.outside, table)) for table in (CLOCK, KEYS)]
        theirs = tables if local else [parts.enter_context(pinned(net.far, table, "agent")) for table in (CLOCK, KEYS)]
        made = Clockwork(
            net,
            Clock(tables[0], tables[1], lambda: stage.counts()[0], master),
            Clock(theirs[0], theirs[1], lambda: stage.counts()[1], master),
        )
        made.believe(EPOCH_BEGINS)
        yield made


def end_grace(outside: Interface) -> None:
    """Whatever time it is believed to be, nothing is learned from segments of unknown connections any more."""
    with pinned(outside, NETS) as nets:
        np.frombuffer(nets.memory(), Net)["grace_until"] = 0


def attached(command: list[object], inside: Namespace) -> Process:
    """Run a front or an agent until it has done its work, and no longer."""
    process = Process(command, inside)
    process.wait_for("ready", PATIENCE)
    process.stop(signal.SIGKILL)
    return process
