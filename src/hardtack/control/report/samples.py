"""Frames that were sampled, in bounded memory: of each attacked host's attack, and of hosts' ordinary traffic.

Where there are more than there is room for, each has stayed with a chance by its weight (how many frames it stands for),
older ordinary ones with less: a frame's score is log(weight) plus a Gumbel number, and the highest stay (Efraimidis and
Spirakis 2006, in Vieira's form). So within a reservoir frames count alike.
"""

from __future__ import annotations

import heapq
import math
from collections import OrderedDict
from random import Random
from typing import NamedTuple

from hardtack.packet.reasons import Reason

ATTACK_FRAMES, ORDINARY_FRAMES = 4096, 2048
MOST_ATTACKED, MOST_ORDINARY_HOSTS = 16, 64  # hosts with reservoirs; then the one that was fed last the longest ago goes
LITTLE = 200  # frames
ENOUGH, PART = 500, 3  # frames: what is left at least of more than three times as many; of fewer, a third
SNAP = 128  # bytes of a frame; with Python's own, all reservoirs together are at most 60 MB
FADING = 6 * 3600.0  # s in which an ordinary frame's weight falls to 1/e
# From hosts, or not for them to answer for
OUTBOUND = frozenset({one for one in Reason if one.name.startswith("outbound")} | {Reason.taught, Reason.teach_limit})
# Of connections that are known: ordinary also while there is an attack
KNOWN = frozenset({Reason.connection, Reason.remembered, Reason.learned, Reason.reset, Reason.doubtful})
# Not for anybody to say
UNCLEAR = frozenset(
    {Reason.proof, Reason.neighbour, Reason.icmp_error, Reason.rule_pass}
    | {Reason.established, Reason.reopened, Reason.reset_asked}
)


class Kept(NamedTuple):
    """A frame in a reservoir. `number`: in the order in which they came."""

    score: float
    number: int
    weight: float
    frame: bytes


class Reservoir:
    """Of so many frames."""

    def __init__(self, room: int) -> None:
        self._room, self._kept, self._number = room, list[Kept](), 0

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, frame: bytes, weight: float, chance: float, age: float = 0.0) -> None:
        """One that stands for `weight` frames. `chance`: uniform in (0, 1); `age`: when it was, in units of fading."""
        self._number += 1
        one = Kept(math.log(weight) + age - math.log(-math.log(chance)), self._number, weight, frame)
        if len(self._kept) < self._room:
            heapq.heappush(self._kept, one)
        else:
            heapq.heappushpop(self._kept, one)

    def frames(self) -> list[bytes]:
        """In the order in which they came. While there was room for all, those that stand for few are thinned here."""
        unit, chances = common([one.weight for one in self._kept]), Random(self._number)
        some = sorted(self._kept, key=lambda one: one.number)
        return [one.frame for one in some if chances.random() * unit < one.weight]


def common(weights: list[float]) -> float:
    """How many frames each shall stand for, once these are thinned: the most with which enough are left.

    Those that stand for more count too little then. So few are enough: chance errs less than that.
    """
    enough = min(ENOUGH, len(weights) / PART)
    for unit in sorted(set(weights), reverse=True):
        if sum(min(1.0, weight / unit) for weight in weights) >= enough:
            return unit
    return 1.0


class Waiting(NamedTuple):
    """An ordinary frame that is not believed yet: an attack may just have begun."""

    when: float
    host: int
    frame: bytes
    weight: float


class Samples:
    """All of them, by Host.number. Times are monotonic s."""

    QUARANTINE = 12.0  # s: a detector has decided by then (PATIENCE, and a look or two)
    MOST_WAITING = 8192

    def __init__(self, seed: int | None = None) -> None:
        self._random = Random(seed)
        self._attacks: OrderedDict[int, Reservoir] = OrderedDict()
        self._calm: OrderedDict[int, Reservoir] = OrderedDict()
        self._known: OrderedDict[int, Reservoir] = OrderedDict()  # of known connections, while there was an attack
        self._waiting: list[Waiting] = []

    def calm(self, now: float, host: int, reason: int, frame: bytes, weight: float) -> None:
        """A frame to a host that is not attacked, as far as anybody knows."""
        if host and reason not in OUTBOUND and len(self._waiting) < self.MOST_WAITING:
            self._waiting.append(Waiting(now, host, frame, weight))

    def attacked(self, now: float, host: int, reason: int, frame: bytes, weight: float) -> None:
        """A frame to a host that is attacked."""
        if reason in KNOWN:
            self._keep(self._known, MOST_ATTACKED, ORDINARY_FRAMES, host).add(frame, weight, self._chance(), now / FADING)
        elif reason not in OUTBOUND and reason not in UNCLEAR:
            self._keep(self._attacks, MOST_ATTACKED, ATTACK_FRAMES, host).add(frame, weight, self._chance())

    def settle(self, now: float, attacked: set[int]) -> None:
        """Believe what has waited long enough; what came shortly before an attack on its host is dropped."""
        self._waiting = [one for one in self._waiting if one.host not in attacked]
        ripe = [one for one in self._waiting if now - one.when >= self.QUARANTINE]
        self._waiting = self._waiting[len(ripe) :]
        for one in ripe:
            calm = self._keep(self._calm, MOST_ORDINARY_HOSTS, ORDINARY_FRAMES, one.host)
            calm.add(one.frame, one.weight, self._chance(), one.when / FADING)

    def attack(self, host: int) -> list[bytes]:
        """Of an attack on it."""
        return self._attacks[host].frames() if host in self._attacks else []

    def ordinary(self, host: int) -> list[bytes]:
        """What comes to it otherwise: from before the attack, or if that is little, also of connections known meanwhile."""
        calm = self._calm[host].frames() if host in self._calm else []
        known = self._known[host].frames() if host in self._known and len(calm) < LITTLE else []
        return calm + known

    def forget_attack(self, host: int) -> None:
        """It is over, and reported."""
        self._attacks.pop(host, None)
        self._known.pop(host, None)

    def forget(self, host: int) -> None:
        """Another host has this number."""
        for some in (self._attacks, self._calm, self._known):
            some.pop(host, None)

    def _chance(self) -> float:
        return self._random.random() or 0.5

    @staticmethod
    def _keep(some: OrderedDict[int, Reservoir], most: int, room: int, host: int) -> Reservoir:
        if host not in some:
            some[host] = Reservoir(room)
            if len(some) > most:
                some.popitem(last=False)
        some.move_to_end(host)
        return some[host]
