"""Tables that are kept as the kernel has things: what next_hops.py, learning.py, origins.py, outside.py have in common."""

from __future__ import annotations

import time
from collections.abc import Iterable
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from hardtack.control.configuration.values import Address
from hardtack.kernel.route_events import Events, News
from hardtack.kernel.routes import Routing

LOOK_AGAIN = 30.0  # s after which everything is looked at again, should news have been missed
MOST_COMPARED = 100_000  # pairs of address and network before looking at every address is cheaper


class Entries(Protocol):
    """The table, as its keeper writes it."""

    def update(self, key: bytes, value: bytes) -> None:
        """Write one entry."""


class Reached(Protocol):
    """An address, and whom frames for it go to, if that is known: interface and address."""

    address: Address
    neighbour: tuple[int, bytes] | None


Way = TypeVar("Way", bound=Reached)


class Keeper:
    """Keeps a table, by the kernel's news. To be made where the front's interfaces are; then no capability is needed."""

    def __init__(self) -> None:
        self._events = Events()  # before the first look, so that nothing falls in between

    def fileno(self) -> int:
        """Readable when there is news."""
        return self._events.fileno()

    def follow(self) -> None:
        """Read the news, and act on what concerns us. OSError if the kernel does not answer."""
        raise NotImplementedError

    def write(self) -> None:
        """Bring everything up to date. To be called at the start, then every second or so."""
        raise NotImplementedError

    def close(self) -> None:
        """Hear no more news; the table stays as it is."""
        self._events.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class Follower(Keeper, Generic[Way]):
    """Keeps one by ways to addresses: routes and neighbours."""

    def __init__(self, table: Entries) -> None:
        super().__init__()
        self._table = table
        self._kernel = Routing()
        self._all: list[Way] = []
        self._looked = -LOOK_AGAIN  # when everything was looked at
        self._again = True

    def follow(self) -> None:
        """Look at the ways that the news is of."""
        if (news := self._events.read()) and self._all:
            self._look(concerned(self._all, news))
            self._again |= news.everything  # what it is news of may have only begun

    def write(self) -> None:
        """Bring everything up to date: mostly there is nothing to do."""
        now = time.monotonic()
        if self._all and (self._again or now - self._looked >= LOOK_AGAIN):
            self._looked, self._again = now, False
            self._look(self._all)

    def close(self) -> None:
        """Hear no more news, and ask no more."""
        super().close()
        self._kernel.close()

    def _look(self, those: Iterable[Way]) -> None:
        """Ask the kernel about each, and write what has changed."""
        raise NotImplementedError


def concerned(everybody: list[Way], news: News) -> list[Way]:
    """Whose way may have changed."""
    if news.everything or len(news.networks) * len(everybody) > MOST_COMPARED:
        return everybody
    return [
        one
        for one in everybody
        if one.neighbour in news.neighbours or any(one.address in network for network in news.networks)
    ]
