"""How much came to a host during an attack: from its counters, a second at a time."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from hardtack.control.report.samples import KNOWN, OUTBOUND
from hardtack.packet.entries import bytes_of, frames_of
from hardtack.packet.reasons import FRONT_REASONS, Reason

Counts = npt.NDArray[np.int64]  # an entry of `counters`, all CPUs together


@dataclass
class Traffic:
    """Of one host since its attack was noticed. Times are monotonic s."""

    first: Counts
    began: float
    last: Counts = field(init=False)
    seen: float = field(init=False)
    peak_frames: float = 0.0  # a second
    peak_octets: float = 0.0

    def __post_init__(self) -> None:
        self.last, self.seen = self.first, self.began

    def note(self, now: float, counts: Counts) -> None:
        """What is counted by now."""
        seconds = now - self.seen
        if seconds <= 0:
            return
        new = strangers(np.maximum(counts - self.last, 0))
        self.peak_frames = max(self.peak_frames, new[0] / seconds)
        self.peak_octets = max(self.peak_octets, new[1] / seconds)
        self.last, self.seen = counts, now

    def by_reason(self) -> dict[str, tuple[int, int]]:
        """Frames and bytes since it began, by reason, without what hosts send; most frames first."""
        new = np.maximum(self.last - self.first, 0)
        frames, size = frames_of(new.tolist()), bytes_of(new.tolist())
        some = [one for one in Reason if one < FRONT_REASONS and one not in OUTBOUND and frames[one]]
        return {one.name: (frames[one], size[one]) for one in sorted(some, key=lambda one: (-frames[one], one))}

    def attack(self) -> tuple[int, int]:
        """Frames and bytes since it began, of no known connection."""
        frames, size = strangers(np.maximum(self.last - self.first, 0))
        return int(frames), int(size)


def strangers(counts: Counts) -> tuple[float, float]:
    """Frames and bytes that are of no known connection."""
    wanted = [one for one in Reason if one < FRONT_REASONS and one not in KNOWN and one not in OUTBOUND]
    return float(counts[0::2][wanted].sum()), float(counts[1::2][wanted].sum())
