"""When and where a frame is seen: unix time for cookies, monotonic time for all that lasts, and by which CPU."""

from __future__ import annotations

from dataclasses import dataclass

WORD = 1 << 32
WINDOW_BITS = 7  # of monotonic ms: every budget begins anew with each window
WINDOW = 1 << WINDOW_BITS
SECOND_BITS = 10  # likewise: what a source prefix may have
PERIOD_BITS = 11  # likewise: what a proven source may have
SHORT = 1 << 16  # such numbers are kept in 16 bits


@dataclass(frozen=True)
class Moment:
    """Two clocks, both in ms. A CPU's monotonic clock may be some ms behind another's; unix time may step anywhere."""

    now_ms: int
    ms: int
    cpu: int = 0

    @property
    def stamp(self) -> int:
        """As connections keep it."""
        return self.ms % WORD

    @property
    def window(self) -> int:
        """Of budgets. Counted from 1: what was never used is of none."""
        return (self.ms >> WINDOW_BITS) + 1

    @property
    def second(self) -> int:
        """Of what source prefixes may have: 1.024 s."""
        return ((self.ms >> SECOND_BITS) + 1) % SHORT

    @property
    def doubts(self) -> int:
        """A window, as connections keep it."""
        return (self.ms >> WINDOW_BITS) % SHORT

    @property
    def period(self) -> int:
        """Of what a proven source may have: 2.048 s."""
        return (self.ms >> PERIOD_BITS) % SHORT
