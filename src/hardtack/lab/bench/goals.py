"""What the project promises, beside what was measured. No exit status hangs on it: machines differ."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from hardtack.lab.bench.figures import MIRROR, paired
from hardtack.lab.bench.rounds import Samples

TO_MIRROR, TO_COOKIES = 1.5, 1 / 15
PROMISES = ((MIRROR, "the XDP_TX mirror's cost", TO_MIRROR), ("cookies", "Linux SYN cookies' cost", TO_COOKIES))


@dataclass(frozen=True)
class Goal:
    """A ratio promised and a ratio measured; the smaller the better."""

    text: str
    kind: str
    limit: float
    measured: float
    met: bool


def goals(samples: Samples) -> list[Goal]:
    """For SYNs with full options, each IP version."""
    found = []
    for entry in samples:
        if entry.contestant.name != "hardtack" or entry.kind.options != "linux":
            continue
        for name, text, limit in PROMISES:
            ratio = median(ours / theirs for ours, theirs in paired(entry, name, samples))
            told = f"{entry.kind.title}: hardtack's cost to {text}"
            found.append(Goal(told, entry.kind.name, limit, ratio, ratio <= limit))
    return found
