"""What the demo promises of every phase with hardtack, and which phase has missed what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hardtack.lab.demo.figures import rounded
from hardtack.lab.demo.measure import Measured

SHARE = 0.95  # of the requests a second that are served in calm
TIMES = 10  # how often as long as in calm a connection may take, 99th percentile


def goals(measured: Sequence[Measured]) -> list[dict[str, Any]]:
    """For each phase with hardtack: its three figures, and in words what it has missed."""
    calm, *_ = measured
    return [judged(calm, one) for one in measured if one.phase.defended]


def judged(calm: Measured, one: Measured) -> dict[str, Any]:
    """One phase beside calm."""
    share = rate_of(one) / rate_of(calm) if rate_of(calm) else 0.0
    times = one.requests.connect_ms(99) / calm.requests.connect_ms(99)  # NaN if one of them has served nothing
    missed = []
    if one.requests.failed:
        kinds = ", ".join(f"{number} {kind}" for kind, number in one.requests.failures.items())
        missed.append(f"{one.requests.failed:,} of {one.requests.failed + one.requests.succeeded:,} failed ({kinds})")
    if share < SHARE:
        missed.append(f"{share:.0%} of the baseline rate was served, not {SHARE:.0%}")
    if not times < TIMES:
        missed.append(f"the 99th percentile of connect was {times:.1f} times the baseline, not below {TIMES}")
    return {
        "phase": one.phase.key,
        "title": one.phase.title,
        "served_share": rounded(share, 3),
        "failed": one.requests.failed,
        "connect_p99_times": rounded(times, 1),
        "missed": missed,
    }


def rate_of(measured: Measured) -> float:
    """Requests served per second."""
    requests = measured.requests
    return requests.succeeded / requests.seconds if requests.seconds else 0.0


def passed(measured: Sequence[Measured]) -> bool:
    """Whether there was hardtack, and no phase with it missed anything."""
    judgements = goals(measured)
    return bool(judgements) and not any(one["missed"] for one in judgements)


def verdict(measured: Sequence[Measured]) -> str:
    """In a line."""
    judgements = goals(measured)
    if passed(measured):
        served = sum(one.requests.succeeded for one in measured if one.phase.defended)
        least, most = min(one["served_share"] for one in judgements), max(one["connect_p99_times"] for one in judgements)
        return (
            f"with hardtack all of {served:,} requests were served, in each phase {least:.0%} or more of the baseline rate; "
            f"connect, 99th percentile: {most:.1f} times the baseline at most"
        )
    told = (f"{one['title']}: {'; '.join(one['missed'])}" for one in judgements if one["missed"])
    return "missed with hardtack: " + (" / ".join(told) or "there was no phase with hardtack")
