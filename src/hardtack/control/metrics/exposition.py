"""Samples as Prometheus reads them: by prometheus_client, in its text format or as OpenMetrics, as the client asks.

But for frames and bytes: there are 16,000 of 1,000 hosts with 8 reasons each, and prometheus_client takes 8 to 12 µs for
one. They are written here, under names that are made once.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from hardtack.agent.families import Family
from hardtack.control.metrics.families import LABELS, SMALL, TRAFFIC
from hardtack.control.metrics.reading import Seen
from hardtack.control.metrics.samples import Facts, Own, Sample, rows, samples

EOF = b"# EOF\n"  # OpenMetrics' last line
OPEN_METRICS = "application/openmetrics-text"


class Collected(Collector):
    """The small ones, as prometheus_client takes them."""

    def __init__(self, found: Iterator[Sample]) -> None:
        self._metrics = {family: Metric(family.base, family.help, family.kind) for family in SMALL}
        for family, labels, value in found:
            self._metrics[family].add_sample(family.full, dict(zip(family.labels, labels, strict=True)), value)

    def collect(self) -> Iterator[Metric]:
        """Those that have samples."""
        yield from (metric for metric in self._metrics.values() if metric.samples)


def exposition(seen: Seen, facts: Facts, own: Own, accept: str) -> tuple[bytes, str]:
    """The body and its Content-Type. `accept`: the request's header."""
    encode, kind = choose_encoder(accept)
    open_metrics = kind.startswith(OPEN_METRICS)
    small = encode(Collected(samples(seen, facts, own)))
    large = "".join(lines(seen, open_metrics)).encode()
    return small.removesuffix(EOF) + large + (EOF if open_metrics else b""), kind


def lines(seen: Seen, open_metrics: bool) -> Iterator[str]:
    """Frames and bytes, by host and by CPU."""
    for (frames, octets), traffic in zip(TRAFFIC, (seen.hosts, seen.cpus), strict=True):
        found = [*rows(traffic)]
        for family, place in ((frames, 2), (octets, 3)):
            name = family.base if open_metrics else family.full
            yield f"# HELP {name} {family.help}\n# TYPE {name} counter\n"
            yield from (f"{series(family, row[0], row[1])} {row[place]}\n" for row in found)


@lru_cache(1 << 19)
def series(family: Family, name: str, reason: int) -> str:
    """A series' name. Hosts are called as needs no escaping: see configuration/values.py."""
    verdict, why = LABELS[reason]
    return f'{family.full}{{{family.labels[0]}="{name}",verdict="{verdict}",reason="{why}"}}'
