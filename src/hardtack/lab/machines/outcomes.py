"""What a scenario can come to. Plain values: they travel from guest to host as lines of JSON, and are written down so."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """From best to worst."""

    good = "good"  # all of it: clients are served through front and agent, or what was tried works
    answered = "answered"  # the front does its part: its cookies are answered and come back; there is no agent
    refused = "refused"  # Hardtack will not start, and says why
    bad = "bad"  # anything else


@dataclass(frozen=True)
class Result:
    """One row of the table: what was tried, what came of it, and in a line what was seen."""

    name: str
    outcome: Outcome
    seen: str = ""

    def line(self) -> str:
        """As the guest reports it."""
        return json.dumps(asdict(self))


def read(line: str) -> Result | None:
    """A guest's line; None if it is none of these."""
    try:
        told = json.loads(line)
        return Result(told["name"], Outcome(told["outcome"]), told["seen"])
    except (ValueError, TypeError, KeyError):
        return None
