"""A configuration as it is written: the main file and those that it includes, and where each thing stands in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
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
    """One file's text. `first`: the number of its first [[host]] among all hosts, from 0."""

    path: Path
    text: str
    first: int = 0
    hosts: int = 0

    @cached_property
    def lines(self) -> Lines:
        """Found when somebody asks: only mistakes do."""
        return places(self.text)

    @property
    def folder(self) -> Path:
        """Where relative paths in it start."""
        return self.path.absolute().parent


@dataclass(frozen=True)
class Document:
    """`data`: the main file's tables, and after its hosts those of `included`, in order."""

    main: Source
    data: dict[str, Any]
    included: Sequence[Source] = ()
    _owners: list[Source] = field(default_factory=list)  # by number of the host

    def __post_init__(self) -> None:
        for source in (self.main, *self.included):
            self._owners.extend([source] * source.hosts)

    @property
    def hosts(self) -> list[Any]:
        """All [[host]] tables, if they are some; what one is nobody has looked at yet."""
        hosts = self.data.get("host")
        return hosts if isinstance(hosts, list) else []

    def owner(self, place: Place) -> tuple[Source, Place]:
        """The file that a place is in, and the place as that file has it."""
        if len(place) > 1 and place[0] == "host" and isinstance(place[1], int) and place[1] < len(self._owners):
            source = self._owners[place[1]]
            return source, ("host", place[1] - source.first, *place[2:])
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
