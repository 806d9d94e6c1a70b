"""Lists of values: each is read by itself, and what is wrong with which is told of all of them, or of enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MOST_FAULTS = 20  # of one list

Fault = tuple[int, Any, str]  # where in the list, the value, and "which ..." as of any ValueError in values.py


class Faults(ValueError):
    """What is wrong with values of a list; `more` are not told."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults, self.more = tuple(faults[:MOST_FAULTS]), len(faults[MOST_FAULTS:])
        super().__init__(f"{len(faults)} values are wrong")


@dataclass(frozen=True)
class Each:
    """Reads a list by what reads one value. ValueError, Faults."""

    read: Callable[[Any], Any]
    empty: bool = False  # whether a list may be

    def __call__(self, values: Any) -> tuple[Any, ...]:
        """All of them, as read."""
        faults: list[Fault] = []
        made = []
        for index, value in enumerate(listed(values, self.empty)):
            try:
                made.append(self.read(value))
            except ValueError as error:
                faults.append((index, value, str(error)))
        if faults:
            raise Faults(faults)
        return tuple(made)


def listed(values: Any, empty: bool = False) -> list[Any] | tuple[Any, ...]:
    """`values`, if they are a list of some. ValueError."""
    if not isinstance(values, list | tuple):
        raise ValueError("which is not a list")
    if not values and not empty:
        raise ValueError("which is empty")
    return values


def check_once(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Each value once."""
    if twice := [value for value, times in Counter(values).items() if times > 1]:
        raise ValueError(f"which has {', '.join(map(str, twice[:MOST_FAULTS]))} more than once")
    return values
