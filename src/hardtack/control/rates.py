"""Rates as the packet program counts: so many in a window."""

from __future__ import annotations

from hardtack.packet.layout import PERIOD_BITS, SECOND_BITS, WINDOW_BITS
from hardtack.packet.proven_tables import MOST_PERIODS


def per_window(rate: int) -> int:
    """So many a second, as so many in a window of WINDOW_BITS; at least one."""
    return max(1, -(-(rate << WINDOW_BITS) // 1000))


def per_span(rate: int) -> int:
    """So many a second, as so many in SECOND_BITS; at least one."""
    return max(1, -(-(rate << SECOND_BITS) // 1000))


def per_period(rate: int) -> int:
    """So many a second, as so many in PERIOD_BITS; at least one."""
    return max(1, -(-(rate << PERIOD_BITS) // 1000))


def periods(seconds: int) -> int:
    """So many seconds, as periods of PERIOD_BITS; at least one, and not more than low 16 bits can tell."""
    return min(max(1, seconds * 1000 >> PERIOD_BITS), MOST_PERIODS)


def per_ms(rate: int) -> int:
    """So many a second, as so many in a ms; at least one."""
    return max(1, -(-rate // 1000))
