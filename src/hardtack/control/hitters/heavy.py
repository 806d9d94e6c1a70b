"""The heaviest keys of a stream, in bounded memory: Space-Saving (Metwally, Agrawal, El Abbadi, 2005), with decay.

Each of `room` counters may be too high by what it took over from the key before it, `error`, and never too low. A key that
has more than 1/room of all weight is among them.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from typing import Generic, NamedTuple, TypeVar

Key = TypeVar("Key", bound=Hashable)

LIGHT = 1e-3  # frames: a counter that has decayed to less is given up
SMALL = 1e-4  # a scale below this is worked into the counters


class Heavy(NamedTuple, Generic[Key]):
    """A key and its weight, which is too high by at most `error`."""

    key: Key
    weight: float
    error: float


class Heaviest(Generic[Key]):
    """Counters for `room` keys. They are kept undecayed, and `scale` says what one is worth: decay costs next to nothing."""

    def __init__(self, room: int) -> None:
        self.room, self._scale, self._total = room, 1.0, 0.0
        self._weights: dict[Key, float] = {}
        self._errors: dict[Key, float] = {}
        self._lightest: list[tuple[float, int, Key]] = []  # a heap, whose entries may be lower than the counters are now
        self._pushed = 0  # ties are broken by age, never by the keys, which may not compare

    def __len__(self) -> int:
        return len(self._weights)

    @property
    def total(self) -> float:
        """The exact weight of all."""
        return self._total * self._scale

    def add(self, key: Key, weight: float) -> None:
        """`weight` more for a key; if there is no counter free, the lightest is given to it."""
        weight /= self._scale
        self._total += weight
        if key in self._weights:
            self._weights[key] += weight
            return
        taken = self._take_lightest() if len(self._weights) >= self.room else 0.0
        self._weights[key], self._errors[key] = taken + weight, taken
        self._push(key)

    def _push(self, key: Key) -> None:
        self._pushed += 1
        heapq.heappush(self._lightest, (self._weights[key], self._pushed, key))

    def _take_lightest(self) -> float:
        """Give up the lightest counter: what it had."""
        while True:
            weight, _, key = heapq.heappop(self._lightest)
            if self._weights[key] > weight:
                self._push(key)  # it has grown since
                continue
            del self._errors[key]
            return self._weights.pop(key)

    def decay(self, factor: float) -> None:
        """All weights times `factor`, from 0 to 1: the order of keys stays."""
        self._scale *= factor
        if self._scale >= SMALL:
            return
        scale, self._scale = self._scale, 1.0
        self._total *= scale
        self._weights = {key: weight * scale for key, weight in self._weights.items() if weight * scale >= LIGHT}
        self._errors = {key: self._errors[key] * scale for key in self._weights}
        self._lightest = [(weight, at, key) for at, (key, weight) in enumerate(self._weights.items())]
        self._pushed = len(self._lightest)
        heapq.heapify(self._lightest)

    def top(self, most: int) -> list[Heavy[Key]]:
        """The heaviest first."""
        chosen = heapq.nlargest(most, self._weights.items(), key=lambda item: item[1])
        told = [Heavy(key, weight * self._scale, self._errors[key] * self._scale) for key, weight in chosen]
        return [one for one in told if one.weight >= LIGHT]
