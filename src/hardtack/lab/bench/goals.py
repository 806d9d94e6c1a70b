"""What the project promises, beside what was measured. No exit status hangs on it: machines differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from hardtack.lab.bench.figures import MIRROR, paired, quartile
from hardtack.lab.bench.rounds import Samples
from hardtack.lab.bench.sizes import Size
from hardtack.lab.bench.start import Start

COSTS = ((MIRROR, "the mirror's", 1.5), ("cookies", "SYN cookies'", 1 / 15))
MOST_VERIFIED, MOST_LOADING = 150_000, 0.5
MOST_WARM, MOST_COLD = 1.0, 15.0  # s


@dataclass(frozen=True)
class Goal:
    """What was promised: at most `limit`. `quiet`: the same ratio between lower quartiles; both must hold."""

    text: str
    limit: float
    measured: float
    quiet: float | None = None

    @property
    def met(self) -> bool:
        """Whether it was kept in this run."""
        return max(self.measured, self.quiet or 0.0) <= self.limit


def goals(samples: Samples, sizes: Sequence[Size], start: Start) -> list[Goal]:
    """All of them."""
    found = list(_costs(samples))
    for size in sizes:
        found.append(Goal(f"{size.program}: verifier instructions", MOST_VERIFIED, size.verified))
        found.append(Goal(f"{size.program}: seconds to load", MOST_LOADING, size.loading))
    return [
        *found,
        Goal("front: seconds until ready", MOST_WARM, start.warm),
        Goal("front: seconds until ready, cache empty", MOST_COLD, start.cold),
    ]


def _costs(samples: Samples) -> Iterator[Goal]:
    """For SYNs with full options, each IP version."""
    for entry in samples:
        if entry.contestant.name == "hardtack" and entry.kind.options == "linux":
            for name, whose, limit in COSTS:
                ours, theirs = zip(*paired(entry, name, samples), strict=True)
                ratio = median(mine / its for mine, its in zip(ours, theirs, strict=True))
                quiet = quartile(ours, 1) / quartile(theirs, 1)
                yield Goal(f"{entry.kind.title}: cost to {whose}", limit, ratio, quiet)
