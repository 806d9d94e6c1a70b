"""Ports as people write them: [80, 443, "8000-8099"], or "all but 22, 5000-5999"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hardtack.control.configuration.lists import Fault, Faults, listed

LAST = 65535
ITEM = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", re.ASCII)
ALL_BUT = re.compile(r"all +but +(.+)", re.ASCII | re.DOTALL)

Range = tuple[int, int]  # the first and the last


@dataclass(frozen=True)
class Ports:
    """Some of the ports, as ranges in order that do not touch. Port 0, which no service has, is only among "all but ..."."""

    ranges: tuple[Range, ...]

    def __iter__(self) -> Iterator[int]:
        """Each port, in order."""
        for first, last in self.ranges:
            yield from range(first, last + 1)

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.ranges)

    def __contains__(self, port: int) -> bool:
        return bool(self.mask >> port & 1)

    @property
    def mask(self) -> int:
        """A bit for each port, the lowest for port 0."""
        return sum((1 << last + 1) - (1 << first) for first, last in self.ranges)

    @property
    def others(self) -> Ports:
        """All ports but these."""
        edges = [-1, *(edge for one in self.ranges for edge in one), LAST + 1]
        gaps = [(last + 1, first - 1) for last, first in zip(edges[::2], edges[1::2], strict=True)]
        return Ports(tuple((first, last) for first, last in gaps if first <= last))

    def written(self) -> list[int | str] | str:
        """As in a configuration."""
        if self.ranges and self.ranges[0][0] == 0:
            return f"all but {self.others}"
        return [first if first == last else f"{first}-{last}" for first, last in self.ranges]

    def __str__(self) -> str:
        written = self.written()
        return written if isinstance(written, str) else ", ".join(map(str, written))


def read_ports(value: Any) -> Ports:
    """Those of a TOML value. ValueError, Faults."""
    if isinstance(value, Ports):
        return value
    if not isinstance(value, str):
        return together([*listed(value)], read_item)
    wanted = ALL_BUT.fullmatch(value.strip())
    if not wanted:
        raise ValueError("which is neither a list of ports nor all but some")
    left = together([item.strip() for item in wanted[1].split(",")], read_text).others
    if left.ranges in ((), ((0, 0),)):
        raise ValueError("which leaves no port")
    return left


def read_item(value: Any) -> Range:
    """A number, or a text with a range. ValueError."""
    if type(value) is int:
        return limited(value, value)
    if not isinstance(value, str) or "-" not in value:
        raise ValueError("which is not a port")
    return read_text(value)


def read_text(text: str) -> Range:
    """ "22" or "5000-5999". ValueError."""
    found = ITEM.fullmatch(text)
    if not found:
        raise ValueError("which is neither a port nor a range such as 8000-8099")
    return limited(int(found[1]), int(found[2] or found[1]))


def limited(first: int, last: int) -> Range:
    """A range that has a port, and only such as there are. ValueError."""
    if not 1 <= first <= LAST or not 1 <= last <= LAST:
        raise ValueError(f"which is not from 1 to {LAST}")
    if first > last:
        raise ValueError("which ends before it begins")
    return first, last


def together(values: Sequence[Any], read: Any) -> Ports:
    """All ranges, in order and joined. Faults: of what cannot be read; else of what overlaps."""
    faults: list[Fault] = []
    ranges: list[tuple[int, int, int]] = []
    for index, value in enumerate(values):
        try:
            ranges.append((*read(value), index))
        except ValueError as error:
            faults.append((index, value, str(error)))
    ranges.sort()
    joined: list[Range] = []
    widest = 0  # of the ranges so far, the one that reaches furthest
    for place, (first, last, index) in enumerate(ranges):
        if joined and first <= joined[-1][1]:
            earlier, later = sorted((ranges[widest][2], index))
            same = values[earlier] == values[later]
            faults.append((later, values[later], "which is a duplicate" if same else f"which overlaps {values[earlier]}"))
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = joined[-1][0], max(joined[-1][1], last)
        else:
            joined.append((first, last))
        if last >= ranges[widest][1]:
            widest = place
    if faults:
        raise Faults(sorted(faults, key=lambda fault: fault[0]))
    return Ports(tuple(joined))
