"""Numbers as a narrow column shows them."""

from __future__ import annotations

STEPS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
WHOLE = 10_000  # below this a number is written out


def short(number: float) -> str:
    """At most six characters: 0, 0.4, 9,876, 12.3k, 456M."""
    if 0 < number < 10:
        return f"{number:.1f}"
    if number < WHOLE:
        return f"{number:,.0f}"
    size, letter = next(step for step in STEPS if number >= step[0])
    shown = number / size
    return f"{shown:.1f}{letter}" if shown < 99.95 else f"{shown:,.0f}{letter}"


def span(seconds: float) -> str:
    """A time span by its largest unit, two for what is short of a day: 42 s, 7 min, 3 h 12 min, 5 days."""
    minutes = int(seconds // 60)
    if minutes < 1:
        return f"{max(0, seconds):.0f} s"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // (24 * 60)} days"
