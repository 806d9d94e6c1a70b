"""A configuration as it is written: the main file and those that it includes, and where each thing stands in them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any

from hardtack.control.configuration.places import Lines, Place, places


@dataclass(frozen=True)
class Spot:
    """A file, and a line of it, or None where it has none for it."""

    file: Path
    line: int | None

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else str(self.file)


@dataclass(frozen=True)
class Source:
    """One file's text, and how many [[host]] tables it has."""

    path: Path
    text: str
    hosts: int = 0

    @cached_property
    def lines(self) -> Lines:
        """Found when somebody asks: only mistakes do."""
        return places(self.text)

    @cached_property
    def folder(self) -> Path:
        """Where relative paths in it start."""
        return self.path.absolute().parent


@dataclass(frozen=True)
class Document:
    """`data`: the main file's tables, and after its hosts those of `included`, in order."""

    main: Source
    data: dict[str, Any]
    included: Sequence[Source] = ()

    @cached_property
    def _ends(self) -> list[int]:
        """How many hosts there are up to each file's last one."""
        return [*accumulate(source.hosts for source in self.sources)]

    @property
    def sources(self) -> tuple[Source, ...]:
        """All files, in order."""
        return self.main, *self.included

    @property
    def hosts(self) -> list[Any]:
        """All [[host]] tables, if they are some; what one is nobody has looked at yet."""
        hosts = self.data.get("host")
        return hosts if isinstance(hosts, list) else []

    def owner(self, place: Place) -> tuple[Source, Place]:
        """The file that a place is in, and the place as that file has it."""
        if len(place) > 1 and place[0] == "host" and isinstance(place[1], int) and place[1] < self._ends[-1]:
            number = bisect_right(self._ends, place[1])
            source = self.sources[number]
            return source, ("host", place[1] - (self._ends[number] - source.hosts), *place[2:])
        return self.main, place

    def spot(self, place: Place) -> Spot:
        """Where a place is written, or what is around it."""
        source, inner = self.owner(place)
        return Spot(source.path, source.lines.of(inner))

    def elsewhere(self, place: Place, here: Place) -> str:
        """Where a place is, for a message about another: the line, and the file if it is another one."""
        there = self.spot(place)
        return f"line {there.line}" if there.file == self.spot(here).file else str(there)

    def folder(self, host: int | None = None) -> Path:
        """Where relative paths start, in a host's table or the front's."""
        return (self.main if host is None else self.owner(("host", host))[0]).folder
