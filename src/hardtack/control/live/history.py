"""The last two minutes of a number, for as many things as there are, and how they are drawn in a line. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

LENGTH = 120  # samples
BLOCKS = "▁▂▃▄▅▆▇█"
ASCII = "_.-=+*#@"  # for terminals whose character set has no blocks


class History:
    """A ring of samples; each has a number for each of `keys`, which may come and go."""

    def __init__(self, length: int = LENGTH) -> None:
        self._length = length
        self._keys: dict[Hashable, int] = {}
        self._ring: npt.NDArray[np.float32] = np.zeros((length, 0), np.float32)
        self._next = self._filled = 0

    def add(self, keys: Sequence[Hashable], values: npt.ArrayLike) -> None:
        """A sample: the number of each key. Keys that are not in it are forgotten."""
        if [*self._keys] != [*keys]:
            self._have(keys)
        self._ring[self._next] = values
        self._next = (self._next + 1) % self._length
        self._filled = min(self._filled + 1, self._length)

    def _have(self, keys: Sequence[Hashable]) -> None:
        ring = np.zeros((self._length, len(keys)), np.float32)
        for place, key in enumerate(keys):
            if key in self._keys:
                ring[:, place] = self._ring[:, self._keys[key]]
        self._keys, self._ring = {key: place for place, key in enumerate(keys)}, ring

    def series(self, key: Hashable, most: int = LENGTH) -> list[float]:
        """The last numbers of a key, oldest first; none of one that is not there."""
        if key not in self._keys:
            return []
        count = min(most, self._filled)
        places = (self._next - count + np.arange(count)) % self._length
        return [float(number) for number in self._ring[places, self._keys[key]]]


def sparkline(numbers: Sequence[float], width: int, blocks: str = BLOCKS) -> str:
    """The last `width` numbers, each as a block as high as it is beside the highest; right aligned, blank where none are."""
    shown = numbers[-width:] if width > 0 else []
    highest = max(shown, default=0)
    if highest <= 0:
        return (blocks[0] * len(shown)).rjust(max(width, 0))
    levels = (min(len(blocks) - 1, int(number / highest * (len(blocks) - 1) + 0.5)) for number in shown)
    drawn = "".join(blocks[max(level, number > 0)] for level, number in zip(levels, shown, strict=True))
    return drawn.rjust(width)
