"""What makes other prefixes of these: pure, and in an order in which they may be changed one by one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hardtack.control.networks.change import Prefix
from hardtack.control.networks.prefixes import Prefixes


@dataclass(frozen=True)
class Difference:
    """Prefixes that come or have another value, and those that go."""

    come: Prefixes
    go: Prefixes

    def __len__(self) -> int:
        return len(self.come) + len(self.go)

    def __iter__(self) -> Iterator[Prefix]:
        """One after another, so that each address has its old value or its new one after each of them.

        First what comes, longest first: the first that an address is in and that counts for it is the one that will count.
        Then what goes, shortest first: until the last of those an address is in has gone, that one counts.
        """
        for index in np.argsort(-self.come.length.astype(np.int64), kind="stable").tolist():
            yield Prefix(self.come.number(index), int(self.come.length[index]), int(self.come.value[index]))
        for index in np.argsort(self.go.length, kind="stable").tolist():
            yield Prefix(self.go.number(index), int(self.go.length[index]), None)


def difference(old: Prefixes, new: Prefixes) -> Difference:
    """From old to new."""
    if all(np.array_equal(ours, theirs) for ours, theirs in zip(old.arrays, new.arrays, strict=True)):
        return Difference(new.only(slice(0)), old.only(slice(0)))
    high, low = np.concatenate([old.high, new.high]), np.concatenate([old.low, new.low])
    length, value = np.concatenate([old.length, new.length]), np.concatenate([old.value, new.value])
    order = np.lexsort((length, low, high))  # stable: of two that are the same the old one comes first
    same = np.zeros(len(order), bool)  # as the one before
    same[1:] = True
    for one in (high, low, length):
        same[1:] &= one[order[1:]] == one[order[:-1]]
    paired = same | np.append(same[1:], False)[: len(same)]
    kept = same.copy()
    kept[1:] &= value[order[1:]] == value[order[:-1]]
    here = order >= len(old)
    return Difference(new.only(index(order[here & ~kept]) - len(old)), old.only(index(order[~here & ~paired])))


def index(places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """In order."""
    return np.sort(places)
