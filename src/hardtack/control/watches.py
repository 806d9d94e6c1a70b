"""What a front's programs should see, and whether they do: one watch for each, and for the agent where it is here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from hardtack.agent.watch import AT_TCX, AT_XDP, Watch
from hardtack.control.configuration.schema import Config
from hardtack.control.numbers import Numbering
from hardtack.control.pinned import key_of
from hardtack.control.totals import parts
from hardtack.control.uplinks import numbered
from hardtack.image import ONLY
from hardtack.kernel import interfaces
from hardtack.kernel.maps import Map
from hardtack.kernel.standing import Standing
from hardtack.packet.entries import frames_of
from hardtack.packet.layout import SEEN, Seen
from hardtack.packet.reasons import Reason, Verdict, verdict

ANSWERED = frames_of(range(2 * Reason.answered + 2))[-1]  # where an entry of counters has it

PAST, HERE = ("direct", "mac"), ("local",)  # ways that the network stack does not see, and that end in this machine
FORWARDED = [reason for reason in Reason if verdict(reason) == Verdict.FORWARD]


def watches(config: Config, numbers: Numbering, front: Standing, agent: Standing | None) -> Iterator[Watch]:
    """All of them. To be made where the interfaces are; no capability is needed then."""
    uplinks, inside = config.front.uplinks, config.front.inside
    flags, counters = front.tables[SEEN.name], front.tables["counters"]
    outside, here = ", ".join(uplinks), [interfaces.find(name).index for name in uplinks]
    for index, (name, number) in zip(here, numbered(uplinks).items(), strict=True):
        yield Watch("front", name, remedy([name]), Arriving(flags, "front", [index], number))
    if inside:
        indices = [interfaces.find(name).index for name in inside]
        yield Watch("inside", ", ".join(inside), remedy(inside), Arriving(flags, "inside", indices))
    if config.leaving:
        yield Watch("leaving", outside, AT_TCX, Leaving(flags, counters, here, by_way(config, numbers, PAST)))
    if agent:
        ours = by_way(config, numbers, HERE)
        yield Watch("agent", outside, AT_TCX, LetThrough(counters, agent.tables["counters"], ours))


def configure(several: Iterable[Watch], config: Config, numbers: Numbering) -> None:
    """Have these watches know other hosts from now on."""
    for watch in several:
        if isinstance(watch.sight, Leaving):
            watch.sight.past = by_way(config, numbers, PAST)
        elif isinstance(watch.sight, LetThrough):
            watch.sight.numbers = by_way(config, numbers, HERE)
        watch.begin_anew()


def by_way(config: Config, numbers: Numbering, ways: Collection[str]) -> list[int]:
    """The numbers of hosts that frames go to in these ways."""
    return [numbers[host.name] for host in config.hosts if host.via in ways]


def remedy(names: Iterable[str]) -> str:
    """What to do where the programs at these interfaces see nothing that comes in."""
    return AT_XDP if all(map(interfaces.has_ethernet, names)) else AT_TCX


class Flag:
    """A program's word in the table `seen`; if it has several, that of this uplink."""

    def __init__(self, table: Map, program: str, uplink: int = 0) -> None:
        self._word = np.frombuffer(table.memory(), Seen, 1)[program].reshape(-1)[uplink:]

    def seen(self) -> bool:
        """Whether the program has set it since."""
        was = bool(self._word[0])
        self._word[0] = 0
        return was


class Arriving(Flag):
    """What comes in by interfaces where a program is to see it all."""

    def __init__(self, table: Map, program: str, indices: Iterable[int], uplink: int = 0) -> None:
        super().__init__(table, program, uplink)
        self._indices = [*indices]

    def passed(self) -> int:
        """Received by all of them."""
        return sum(interfaces.traffic(index).received for index in self._indices)


class Leaving(Flag):
    """What goes out by the network stack: not what the front itself sends from the driver, answers and frames sent on.

    `past`: numbers of hosts to which frames go without the network stack, perhaps by this interface.
    """

    def __init__(self, table: Map, counters: Map, indices: Iterable[int], past: Iterable[int]) -> None:
        super().__init__(table, "leaving")
        self._counters, self._indices, self.past = counters, [*indices], [*past]

    def passed(self) -> int:
        """Sent by the interfaces that are there, but for those."""
        own = sum(int(some[:, ANSWERED].sum()) for _, some in parts(self._counters))
        on = sum(counted(self._counters, number, [*Reason]) for number in self.past)
        sent = 0
        for index in self._indices:
            with suppress(OSError):  # it has gone; the others have not
                sent += interfaces.traffic(index).sent
        return sent - own - on


@dataclass
class LetThrough:
    """What the front has let through to hosts that are this machine, whose numbers these are, for the agent to see."""

    front: Map
    agent: Map
    numbers: Iterable[int]
    known: int = 0

    def passed(self) -> int:
        """So many frames."""
        return sum(counted(self.front, number, FORWARDED) for number in self.numbers)

    def seen(self) -> bool:
        """Whether the agent has counted more."""
        before, self.known = self.known, sum(frames_of(self.agent.totals(ONLY)))
        return self.known != before


def counted(counters: Map, number: int, reasons: list[Reason]) -> int:
    """Frames of a host by these reasons, all CPUs added up."""
    tallies = frames_of(counters.totals(key_of(number)))
    return sum(tallies[reason] for reason in reasons if reason < len(tallies))
