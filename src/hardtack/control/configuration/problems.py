"""What is wrong with a configuration, so that it can be put right: file, line, key, what was found, what to write."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hardtack.control.configuration.advice import advice, known
from hardtack.control.configuration.consistency import contradictions, shown
from hardtack.control.configuration.places import Place, line_of
from hardtack.control.configuration.schema import TABLES
from hardtack.mistake import Mistake


@dataclass(frozen=True)
class Problem:
    """One thing to put right. `line` is None where the file has no line for it."""

    file: Path
    line: int | None
    text: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else str(self.file)
        return f"{place}: {self.text}"


class ConfigError(Mistake):
    """Everything that is wrong with a configuration file, at once."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))


def tell(
    file: Path, document: dict[str, Any], lines: Mapping[Place, int], errors: Iterable[Mapping[str, Any]]
) -> list[Problem]:
    """The problems of a TOML `document`, by line: the shape's `errors` (pydantic's), and what contradicts itself."""
    found = [(place := tuple(error["loc"]), complaint(place, error)) for error in errors]
    found += contradictions(document, lines)
    problems = [Problem(file, line_of(lines, place), f"{name(place, document)}: {text}") for place, text in found]
    return sorted(problems, key=lambda problem: problem.line or 0)


def name(place: Place, document: Mapping[str, Any]) -> str:
    """What people call a place: `[front] interface`, `[[host]] "web" ports`; a host without a name has its number."""
    table, *rest = place
    words = [str(table)] if table not in TABLES else ["[[host]]"] if table == "host" else [f"[{table}]"]
    if rest and isinstance(rest[0], int):
        host = document[str(table)][rest[0]]
        called = host.get("name") if isinstance(host, dict) else None
        words.append(json.dumps(called) if isinstance(called, str) else str(rest[0] + 1))
    return " ".join(words + [word for word in rest if isinstance(word, str)])


def complaint(place: Place, error: Mapping[str, Any]) -> str:
    """What was found at `place` and what to write instead, from one of pydantic's errors."""
    *tables, key = [word for word in place if isinstance(word, str)]
    table = tables[0] if tables else ""
    if error["type"] == "extra_forbidden":
        return f"unknown key; {suggestion(key, known(table))}"
    if error["type"] == "missing":
        return f"missing; write {advice(table, key)}"
    if error["type"] == "value_error":
        why = f", {error['ctx']['error']}"
    else:
        why = ", which this version does not know" if error["type"] == "literal_error" else ""
    return f"found {shown(error['input'])}{why}; write {advice(table, key)}"


def suggestion(key: str, known: list[str]) -> str:
    """The key that was meant, or all there are."""
    near = difflib.get_close_matches(key, known, n=1)
    return f"did you mean {near[0]}?" if near else f"the keys here are: {', '.join(known)}"
