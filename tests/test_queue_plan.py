"""Which worker has which queue: every receive queue somebody's, every worker a way out, no queue with two owners."""

from __future__ import annotations

from itertools import product

import pytest

from hardtack.engines.queue_plan import Seat, crew
from hardtack.kernel.queues import Queues


def test_as_many_of_each_as_of_the_other() -> None:
    found = crew(["up"], ["in"], {"up": Queues(2, 2), "in": Queues(2, 2)}, 8)
    assert found.seats == (
        (Seat("up", 0, True, 0), Seat("in", 0, False, 0)),
        (Seat("up", 1, True, 1), Seat("in", 1, False, 1)),
    )
    assert found.ways == ({"up": 0, "in": 1}, {"up": 0, "in": 1})


def test_one_queue_for_two() -> None:
    found = crew(["up"], ["in"], {"up": Queues(2, 2), "in": Queues(1, 1)}, 8)
    assert found.seats[1] == (Seat("up", 1, True, 1), Seat("in", 0, False, 0))


@pytest.mark.parametrize(("up", "second", "beyond", "most"), [*product((1, 2, 5), (1, 3), (1, 2, 8), (1, 2, 8))])
def test_what_holds_for_all(up: int, second: int, beyond: int, most: int) -> None:
    queues = {"up": Queues(up, up), "second": Queues(second, second), "in": Queues(beyond, beyond)}
    found = crew(["up", "second"], ["up", "second", "in"], queues, most)
    assert len(found.seats) == min(most, max(up, second))
    every = [(worker, seat) for worker, seats in enumerate(found.seats) for seat in seats]
    received = [(seat.interface, seat.queue) for _, seat in every if seat.receives]
    assert sorted(received) == sorted([*(("up", n) for n in range(up)), *(("second", n) for n in range(second))])
    owners = {(seat.interface, seat.queue): seat.owner for _, seat in every}
    for worker, seat in every:
        assert owners[seat.interface, seat.queue] == seat.owner
        assert seat.owner == worker or not seat.receives
        assert any(one.queue == seat.queue and one.interface == seat.interface for one in found.seats[seat.owner])
    for seats, ways in zip(found.seats, found.ways, strict=True):
        assert {name: seats[number].interface for name, number in ways.items()} == {name: name for name in queues}
        assert len({(seat.interface, seat.queue) for seat in seats}) == len(seats)
