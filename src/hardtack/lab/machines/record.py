"""What was seen on each kernel, as it is written down: JSON that people and README's table are made from."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from hardtack.lab.machines.expected import expected
from hardtack.lab.machines.kernels import Kernel
from hardtack.lab.machines.outcomes import Outcome, Result


@dataclass
class Seen:
    """One kernel's results. `release` is its own; `date` when it was run; `trouble` why it did not come to an end."""

    kernel: Kernel
    release: str = ""
    date: str = ""
    seconds: float = 0.0
    trouble: str = ""
    ended: int = 0  # scenarios
    results: list[Result] = field(default_factory=list)

    def surprises(self) -> list[str]:
        """A line for each thing that is otherwise than expected; also better, since then what is written down is old."""
        found = [f"{self.kernel.name}: {self.trouble}"] if self.trouble else []
        for result in self.results:
            wanted, why = expected(self.kernel, result.name)
            if result.outcome != wanted:
                because = f" ({why})" if why else ""
                found.append(f"{self.kernel.name}: {result.name}: {result.outcome}, not {wanted}{because}: {result.seen}")
        return found

    def outcome(self, name: str) -> Outcome | None:
        """Of one result; None if it was not tried."""
        return next((result.outcome for result in self.results if result.name == name), None)


def write(path: Path, every: Iterable[Seen]) -> None:
    """All of them, in a file that reads well."""
    path.write_text(json.dumps([asdict(seen) for seen in every], indent=1) + "\n")


def read(path: Path) -> list[Seen]:
    """What `write` has written."""
    found = []
    for told in json.loads(path.read_text()):
        results = [Result(one["name"], Outcome(one["outcome"]), one["seen"]) for one in told.pop("results")]
        found.append(Seen(Kernel(**told.pop("kernel")), **told, results=results))
    return found


def merged(old: Iterable[Seen], new: Iterable[Seen]) -> list[Seen]:
    """The newest of each kernel, in the order in which they came."""
    by_name = {seen.kernel.name: seen for seen in [*old, *new]}
    return [*by_name.values()]
