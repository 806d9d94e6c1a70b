"""From files to a configuration, or to everything that is wrong with them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from hardtack.control.configuration.checking import check
from hardtack.control.configuration.document import Document
from hardtack.control.configuration.include import gather
from hardtack.control.configuration.problems import ConfigError, Origin, Problem
from hardtack.control.configuration.remembered import Remembered
from hardtack.control.configuration.schema import Config
from hardtack.control.configuration.source_lists import files_of, read_lists
from hardtack.control.networks.prefixes import Content


@dataclass(frozen=True)
class Loaded:
    """A configuration, what was written (for the lines of things in it), where it came from, the prefixes in each list.

    `since`: files that have changed after this, unix time in ns, may have been read before. `memory`: for the next reading.
    """

    config: Config
    document: Document
    origin: Origin
    lists: Mapping[Path, Content]
    since: int
    memory: Remembered = field(default_factory=Remembered, repr=False, compare=False)


def load(path: Path) -> Config:
    """The configuration in the file at `path` and those that it includes. ConfigError with every problem of them."""
    return loaded(path).config


def read(text: str, path: Path) -> Config:
    """The configuration in TOML `text`; `path` is where it stands: for relative paths in it, and for messages."""
    return loaded(path, text).config


def loaded(path: Path, text: str | None = None, memory: Remembered | None = None) -> Loaded:
    """The same with all that belongs to it. A ConfigError has the origin, too: of what is to change for it to be mended.

    `memory`: of earlier readings, and for later ones.
    """
    since, memory = time.time_ns(), Remembered() if memory is None else memory
    document, gathered = gather(path, text, memory)
    config, found = check(document, gathered.whole, memory) if document else (None, [])
    problems = gathered.problems + found
    if document is None or config is None or problems:
        raise ConfigError(in_order(problems, gathered.files), gathered.origin)
    origin = replace(gathered.origin, files=(*gathered.origin.files, *files_of(config)))
    lists, problems = read_lists(config, path, memory)
    if problems:
        raise ConfigError(problems, origin)
    return Loaded(config, document, origin, lists, since, memory)


def in_order(problems: list[Problem], files: list[Path]) -> list[Problem]:
    """By file, as they were read, and by line."""
    rank = {file: number for number, file in enumerate(files)}
    return sorted(problems, key=lambda problem: (rank.get(problem.spot.file, 0), problem.spot.line or 0))
