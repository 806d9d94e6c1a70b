"""Counts, rates and durations as people write them: "1M", "10k/s", "30s". docs/configuration.md has the grammar.

In a configuration a plain number will do for a count or a rate, never for a duration: nobody could tell its unit.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from pydantic import BeforeValidator

NUMBER = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)([a-zA-Z/]*)", re.ASCII)


@dataclass(frozen=True)
class Kind:
    """A kind of quantity. `units`: what is written behind the number -> how many of the smallest unit that is."""

    name: str
    like: str  # how such are written
    units: dict[str, int]
    plain: bool  # whether a number alone will do

    def parse(self, text: str) -> int | None:
        """In the smallest unit; None if it is no such quantity, or no whole number of that unit."""
        found = NUMBER.fullmatch(text)
        if not found or found[2] not in self.units:
            return None
        value = Fraction(found[1]) * self.units[found[2]]
        return int(value) if value.denominator == 1 else None

    def write(self, value: int) -> str:
        """The text that `parse` reads as `value`, not negative: in the largest unit that has a whole number of them."""
        fitting = [unit for unit, factor in self.units.items() if value % factor == 0 and (value or factor == 1)]
        unit = max(fitting, key=self.units.__getitem__)
        return f"{value // self.units[unit]}{unit}"

    def toml(self, value: int) -> str:
        """`value` as people write it in a configuration."""
        return f"{value:_}" if self.plain else f'"{self.write(value)}"'


COUNT = Kind("count", '5_000 or "5k"', {"": 1, "k": 1_000, "M": 1_000_000, "G": 1_000_000_000}, plain=True)
RATE = Kind("rate", '5_000 or "5k/s"', {f"{letter}/s": factor for letter, factor in COUNT.units.items()}, plain=True)
DURATION = Kind("duration", '"30s" or "5m"', {"s": 1, "m": 60, "h": 3_600, "d": 86_400}, plain=False)  # in seconds


@dataclass(frozen=True)
class Between:
    """Reads a quantity of one kind from a TOML value; both ends are allowed."""

    kind: Kind
    least: int
    most: int

    def __call__(self, value: Any) -> int:
        """In the smallest unit. ValueError says what is wrong with `value`."""
        plain = self.kind.plain and type(value) is int
        quantity = value if plain else self.kind.parse(value) if isinstance(value, str) else None
        if quantity is None:
            raise ValueError(f"which is not a {self.kind.name} such as {self.kind.like}")
        if not self.least <= quantity <= self.most:
            raise ValueError(f"which is too {'small' if quantity < self.least else 'large'}")
        return int(quantity)

    def __str__(self) -> str:
        return f"from {self.kind.toml(self.least)} to {self.kind.toml(self.most)}"


def count(least: int, most: int) -> BeforeValidator:
    """For a key that takes a number of things."""
    return BeforeValidator(Between(COUNT, least, most))


def rate(least: int, most: int) -> BeforeValidator:
    """For a key that takes so many in a second."""
    return BeforeValidator(Between(RATE, least, most))


def duration(least: int, most: int) -> BeforeValidator:
    """For a key that takes a time, in seconds."""
    return BeforeValidator(Between(DURATION, least, most))
