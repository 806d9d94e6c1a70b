"""How often an event of one name may be told of: some at once, then one every so often. Standard library alone."""

from __future__ import annotations

from dataclasses import dataclass

MOST_NAMES = 1000  # names that are remembered; they are few, and none comes from outside


@dataclass
class Told:
    """`room`: how many more may follow at once. `at`: when that was so, in s. `suppressed`: since the last one."""

    room: float
    at: float
    suppressed: int = 0


class Quota:
    """`burst` at once of each name, then one in `again` seconds."""

    def __init__(self, burst: int, again: float) -> None:
        self._burst, self._again = burst, again
        self._names: dict[str, Told] = {}

    def take(self, name: str, now: float) -> int | None:
        """None: not this one. Else how many have been suppressed since the last. `now` in s; it may go back."""
        if name not in self._names and len(self._names) >= MOST_NAMES:
            return None
        told = self._names.setdefault(name, Told(self._burst, now))
        told.room = min(self._burst, told.room + max(0.0, now - told.at) / self._again)
        told.at = now
        if told.room < 1:
            told.suppressed += 1
            return None
        told.room -= 1
        suppressed, told.suppressed = told.suppressed, 0
        return suppressed
