"""Records of single addresses in protected networks, as they are learned, and the prefixes that lead there; bounded.

They have the last MOST_LEARNED places in `nets`. A place is given to another address only once no frame is on its way
through it any more.
"""

from __future__ import annotations

import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from ipaddress import ip_network
from itertools import compress, islice, takewhile

import numpy as np

from hardtack.control.configuration.schema import Host
from hardtack.control.coverage import Network
from hardtack.control.hops import Destination, Hop
from hardtack.control.networks.memory import TableFull
from hardtack.control.networks.prefixes import Content, content_of
from hardtack.control.networks.trees import Trees
from hardtack.control.protected import led_to
from hardtack.kernel.maps import Map
from hardtack.packet.layout import BY_KERNEL, HOST_ROOT, LED_BITS, MOST_LEARNED, MOST_NETS, Net

FIRST = MOST_NETS - MOST_LEARNED
LEARNED_BYTES = 128 * MOST_LEARNED  # of the table of prefixes, if they lie far apart
SLACK = 16  # a 16th of all places is to be free, for those who come
REST = 2.0  # s until a place is anybody's again; a frame is on its way for microseconds

Neighbour = tuple[int, bytes]  # interface and address


@dataclass(frozen=True)
class Owner:
    """A network whose addresses are learned: its place, its host, and the host's number."""

    place: int
    network: Network
    host: Host
    number: int


@dataclass(kw_only=True)
class Learned(Destination):
    """An address with a record of its own, for as long as it has one."""

    owner: Owner
    filed: Neighbour | None = None  # the neighbour that it is found under
    asked: float = 0.0  # when it was asked whether it has frames


@dataclass
class Behind:
    """Those whose frames go to a neighbour, and what is known of it: NUD_*, MAC address, when it was stirred."""

    those: dict[int, Learned] = field(default_factory=dict)  # by place
    state: int = 0
    mac: bytes = b""
    stirred: float = 0.0


class Records:
    """All of them. Those that were asked for frames longest ago come first.

    `known_by`: frames in their name must come from where theirs go, where that is a neighbour (Net.origin).
    """

    def __init__(self, nets: Map, trees: Trees, known_by: bool, most: int = MOST_LEARNED) -> None:
        self._nets, self._trees, self._known_by, self._most = np.frombuffer(nets.memory(), Net), trees, known_by, most
        self._known: OrderedDict[int, Learned] = OrderedDict()  # by place
        self.neighbours: dict[Neighbour, Behind] = {}
        self._free = [*range(FIRST + most - 1, FIRST - 1, -1)]
        self._resting: deque[tuple[float, int]] = deque()

    def __len__(self) -> int:
        return len(self._known)

    def __iter__(self) -> Iterator[Learned]:
        return iter(self._known.values())

    def __contains__(self, one: Learned) -> bool:
        return self._known.get(one.place) is one

    @property
    def content(self) -> Content:
        """What the tree of destinations holds, these among all others."""
        return self._trees.content(HOST_ROOT)

    def inside(self, networks: Iterable[Network]) -> list[Learned]:
        """Those whose address is in one of these networks."""
        content = self.content
        places = {place for network in networks for place in learned_in(content, network)}
        return [self._known[place] for place in places]

    def asked(self, now: float, since: float, most: int) -> tuple[list[Learned], list[Learned]]:
        """Up to `most` that this was not asked of for so many seconds: who has had frames go straight, and who has not."""
        due = [*islice(takewhile(lambda one: now - one.asked >= since, self), most)]
        used = [bool(self._nets["used"][one.place]) for one in due]
        for one in due:
            self._nets["used"][one.place], one.asked = 0, now
            self._known.move_to_end(one.place)
        return [*compress(due, used)], [one for one, had in zip(due, used, strict=True) if not had]

    def surplus(self, most: int) -> list[Learned]:
        """Up to `most`, if there will soon be none free: of the host that has most, first those without frames of late."""
        missing = self._most // SLACK - len(self._free) - len(self._resting)
        if missing <= 0 or not self:
            return []
        [(owner, _)] = Counter(one.owner.number for one in self).most_common(1)
        those = [one for one in self if one.owner.number == owner]
        return sorted(those, key=lambda one: bool(self._nets["used"][one.place]))[: min(missing, most)]

    def change(self, come: Sequence[tuple[Learned, Hop]], go: Collection[Learned], now: float) -> None:
        """Have some more, as far as there are places, and some no more, whose frames are their networks' again.

        TableFull, and then all is as it was.
        """
        while self._resting and now - self._resting[0][0] >= REST:
            self._free.append(self._resting.popleft()[1])
        come = come[: len(self._free)]
        for one, hop in come:
            one.place = self._free.pop()
            self._nets[one.place] = one.owner.number, 1, *self._words(hop), self._nets["grace_until"][one.owner.place]
        led = content_of({ip_network(one.address): led_to(one.place, one.owner.number) for one, _ in come})
        try:
            self._trees.replace(HOST_ROOT, led.over(self.content.without(ip_network(one.address) for one in go)))
        except TableFull:
            self._free += [one.place for one, _ in come]
            raise
        self._drop(go, now)
        for one, hop in come:
            self._known[one.place], one.asked = one, now
            self.update(one, hop)

    def replant(self, others: Content, go: Collection[Learned], then: Callable[[], None]) -> None:
        """Have the tree lead to these others, too, which come first, and to some of these no more; `then` do something.

        TableFull, and nothing has changed. Within `Trees.together`, when that ends.
        """
        kept = self.content.from_value(led_to(FIRST, 0)).without(ip_network(one.address) for one in go)
        with self._trees.together():
            self._trees.replace(HOST_ROOT, others.over(kept))
            self._trees.then(partial(self._replanted, go, then))

    def _replanted(self, go: Collection[Learned], then: Callable[[], None]) -> None:
        self._drop(go, time.monotonic())
        graces = self._nets["grace_until"]
        graces[[*self._known]] = graces[[one.owner.place for one in self]]
        then()

    def update(self, one: Learned, hop: Hop) -> None:
        """It has been looked at: this is its way now, and its neighbour."""
        self._nets["next_hop"][one.place], self._nets["origin"][one.place] = self._words(hop)
        one.hop = hop
        self._file(one, one.neighbour)
        if one.neighbour:
            behind = self.neighbours[one.neighbour]
            behind.state, behind.mac = one.state, hop.mac

    def doubt(self, those: Iterable[Learned]) -> None:
        """Their frames are the kernel's for now."""
        self._nets["next_hop"][[one.place for one in those]] = BY_KERNEL

    def _words(self, hop: Hop) -> tuple[int, int]:
        """Net.next_hop and Net.origin."""
        near = hop.mac if hop.near and self._known_by else b""
        return int.from_bytes(hop.entry, "little"), int.from_bytes(near, "little")

    def _drop(self, those: Iterable[Learned], now: float) -> None:
        """Nothing leads to these any more."""
        for one in those:
            self._file(one, None)
            del self._known[one.place]
            self._resting.append((now, one.place))

    def _file(self, one: Learned, neighbour: Neighbour | None) -> None:
        """Have it be found under this neighbour, and no other."""
        if one.filed and one.filed != neighbour:
            del self.neighbours[one.filed].those[one.place]
            if not self.neighbours[one.filed].those:
                del self.neighbours[one.filed]
        if neighbour:
            self.neighbours.setdefault(neighbour, Behind()).those[one.place] = one
        one.filed = neighbour


def learned_in(content: Content, network: Network) -> list[int]:
    """Places of those in a network."""
    places = content.inside(network).value >> LED_BITS
    learned: list[int] = places[places >= FIRST].tolist()
    return learned
