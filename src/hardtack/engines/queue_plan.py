"""Which worker of the af_xdp engine has which queue: pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hardtack.kernel.queues import Queues

PlaceOf = tuple[str, int]  # interface, queue


@dataclass(frozen=True)
class Seat:
    """A socket of a worker's: on which queue, whether it receives there, and whose the queue is (its own number, or not)."""

    interface: str
    queue: int
    receives: bool
    owner: int


@dataclass(frozen=True)
class Crew:
    """What each worker has, by number: sockets, and of those which one leads to an interface, by name."""

    seats: tuple[tuple[Seat, ...], ...]
    ways: tuple[Mapping[str, int], ...]


def crew(uplinks: Sequence[str], exits: Sequence[str], queues: Mapping[str, Queues], most: int) -> Crew:
    """At most `most` workers, no more than there are receive queues; each sends by every exit, by a queue that it owns if
    there are enough, else by one that is another's.

    Receive queues of each uplink go round the workers.
    """
    count = max(1, min(most, max(queues[name].receive for name in uplinks)))
    seats: list[list[Seat]] = [[] for _ in range(count)]
    owners: dict[PlaceOf, int] = {}
    for name in uplinks:
        for queue in range(queues[name].receive):
            worker = queue % count
            owners[name, queue] = worker
            seats[worker].append(Seat(name, queue, True, worker))
    for worker in range(count):
        for name in exits:
            if not any(seat.interface == name and seat.owner == worker for seat in seats[worker]):
                queue = worker % queues[name].send
                owner = owners.setdefault((name, queue), worker)
                seats[worker].append(Seat(name, queue, False, owner))
    ways = [{seat.interface: number for number, seat in reversed([*enumerate(own)])} for own in seats]
    return Crew(tuple(map(tuple, seats)), tuple(ways))
