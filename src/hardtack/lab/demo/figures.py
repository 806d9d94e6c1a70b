"""A phase in figures: for the table, the chart's titles and the JSON."""

from __future__ import annotations

import math
import os
import platform
from typing import Any

from hardtack import __version__
from hardtack.lab.demo.measure import Measured, rates


def figures(measured: Measured) -> dict[str, Any]:
    """What a phase brought; times in ms, frames in millions per second, shares of one CPU. None: there was nothing."""
    requests = measured.requests
    taken = measured.grown("taken")
    return {
        "phase": measured.phase.key,
        "title": measured.phase.title,
        "seconds": round(measured.seconds, 1),
        "served": requests.succeeded,
        "failed": requests.failed,
        "failures": requests.failures,
        "served_per_second": rounded(requests.succeeded / requests.seconds if requests.seconds else math.nan, 1),
        "connect_ms": {
            "median": rounded(requests.connect_ms(50), 2),
            "p99": rounded(requests.connect_ms(99), 2),
            "max": rounded(requests.connect_ms(100), 2),
        },
        "flood_mpps": {
            "sent": rounded(measured.per_second("taken", "lost") / 1e6, 3),
            "taken": rounded(measured.per_second("taken") / 1e6, 3),
        }
        if measured.phase.flooded
        else None,
        "kernel_cookies": measured.grown("cookies_sent"),
        "kernel_resets": measured.grown("resets_sent"),
        "front_cpu": {
            "receiving": rounded(measured.per_second("receiving_ns") / 1e9, 3),
            "softirq": rounded(measured.grown("softirq_ticks") / max(1, measured.grown("all_ticks")), 3),
            "ns_per_frame": rounded(measured.grown("receiving_ns") / taken, 0) if measured.phase.flooded and taken else None,
        },
    }


def rounded(value: float, digits: int) -> float | None:
    """JSON has no NaN."""
    return None if math.isnan(value) else round(value, digits)


def timeline(measured: Measured, zero: float) -> dict[str, Any]:
    """The phase as the chart draws it; times in s since `zero`, everything else per second."""
    return {
        "requests": [
            dict(zip(("from", "to", "served", "failed"), tenths(start - zero, end - zero, *what), strict=True))
            for start, end, *what in measured.each_second()
        ],
        "flood": [
            dict(zip(("from", "to", "sent", "taken"), tenths(start - zero, end - zero, *what), strict=True))
            for start, end, *what in rates(measured.readings)
        ],
    }


def tenths(*values: float) -> list[float]:
    """As exact as it gets."""
    return [round(value, 1) for value in values]


def machine() -> dict[str, Any]:
    """What it all ran on."""
    return {"hardtack": __version__, "kernel": platform.release(), "machine": platform.machine(), "cpus": os.cpu_count()}
