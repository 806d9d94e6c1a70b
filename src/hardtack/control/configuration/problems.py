"""What is wrong with a configuration, so that it can be put right: file, line, key, what was found, what to write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hardtack.control.configuration.document import Spot
from hardtack.mistake import Mistake
from hardtack.printable import printable

MOST_TOLD = 1_000


@dataclass(frozen=True)
class Origin:
    """Where a configuration came from, for whoever waits for it to change: files that were read, or could not be; folders
    where new ones may come up.
    """

    files: tuple[Path, ...]
    folders: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Problem:
    """One thing to put right."""

    spot: Spot
    text: str

    def __str__(self) -> str:
        return printable(f"{self.spot}: {self.text}")


class ConfigError(Mistake):
    """Everything that is wrong with a configuration, at once, by file and line. `origin`: what would have to change."""

    def __init__(self, problems: Sequence[Problem], origin: Origin) -> None:
        self.problems, self.origin = tuple(problems), origin
        told = [str(problem) for problem in self.problems[:MOST_TOLD]]
        if more := len(self.problems) - len(told):
            told.append(f"and {more:,} more; fix these first")
        super().__init__("\n".join(told))
