"""What a forged ACK costs, beside what it cannot do without: the frame received and dropped, and one SipHash."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from hardtack.lab.bench.contestants import EMPTY, NAME
from hardtack.lab.bench.figures import paired, quartile
from hardtack.lab.bench.kinds import ACKS
from hardtack.lab.bench.rounds import Samples

DROP = "drop"


@dataclass(frozen=True)
class Forged:
    """CPU ns: of the front's, of an XDP drop, of one SipHash alone; medians. `ratio`: of the first to the sum of the others,
    the median over rounds; `quiet`: the same between lower quartiles.
    """

    title: str
    kind: str
    cost: float
    drop: float
    siphash: float
    ratio: float
    quiet: float


def forged(samples: Samples, siphash: Mapping[int, float]) -> list[Forged]:
    """With few connections in the table and with many, for each IP version. `siphash`: ns by IP version."""
    found = []
    for entry in samples:
        if entry.kind in ACKS and entry.contestant.name in (NAME, EMPTY):
            ours, drops = zip(*paired(entry, DROP, samples), strict=True)
            hashing = siphash[entry.kind.version]
            found.append(
                Forged(
                    title=f"{entry.kind.title}{entry.contestant.title.removeprefix(NAME)}",
                    kind=entry.kind.name,
                    cost=median(ours),
                    drop=median(drops),
                    siphash=hashing,
                    ratio=median(mine / (drop + hashing) for mine, drop in zip(ours, drops, strict=True)),
                    quiet=quartile(ours, 1) / (quartile(drops, 1) + hashing),
                )
            )
    return found
