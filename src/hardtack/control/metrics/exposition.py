"""Samples as Prometheus reads them: by prometheus_client, in its text format or as OpenMetrics, as the client asks.

But for what each host has: 1,000 hosts have 22,000 samples, and prometheus_client takes 8 to 12 µs for one. They are written
here, under names that are made once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from hardtack.agent.families import Family
from hardtack.control.metrics.families import BY_HOST, LABELS, SMALL, TRAFFIC
from hardtack.control.metrics.reading import Seen
from hardtack.control.metrics.samples import Facts, Labels, Own, Sample, rows, samples

EOF = b"# EOF\n"  # OpenMetrics' last line
OPEN_METRICS = "application/openmetrics-text"


class Collected(Collector):
    """The small ones, as prometheus_client takes them."""

    def __init__(self, found: Iterable[Sample]) -> None:
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
    by_host: dict[Family, list[Sample]] = {family: [] for family in BY_HOST}
    others: list[Sample] = []
    for sample in samples(seen, facts, own):
        by_host.get(sample[0], others).append(sample)
    small = encode(Collected(others))
    large = "".join((*of_hosts(by_host, open_metrics), *lines(seen, open_metrics))).encode()
    return small.removesuffix(EOF) + large + (EOF if open_metrics else b""), kind


def of_hosts(found: Mapping[Family, Iterable[Sample]], open_metrics: bool) -> Iterator[str]:
    """What each host has one of, or one for each kind of attack."""
    for family, some in found.items():
        yield head(family, open_metrics)
        yield from (f"{named(family, labels)} {value}\n" for _, labels, value in some)


def head(family: Family, open_metrics: bool) -> str:
    """What stands before its samples."""
    name = family.base if open_metrics else family.full
    return f"# HELP {name} {family.help}\n# TYPE {name} {family.kind}\n"


def named(family: Family, labels: Labels) -> str:
    """A series' name, whose labels need no escaping: hosts and words of ours."""
    told = ",".join(f'{name}="{value}"' for name, value in zip(family.labels, labels, strict=True))
    return f"{family.full}{{{told}}}"


def lines(seen: Seen, open_metrics: bool) -> Iterator[str]:
    """Frames and bytes, by host and by CPU."""
    for (frames, octets), traffic in zip(TRAFFIC, (seen.hosts, seen.cpus), strict=True):
        found = [*rows(traffic)]
        for family, place in ((frames, 2), (octets, 3)):
            yield head(family, open_metrics)
            yield from (f"{series(family, row[0], row[1])} {row[place]}\n" for row in found)


@lru_cache(1 << 19)
def series(family: Family, name: str, reason: int) -> str:
    """A series' name. Hosts are called as needs no escaping: see configuration/values.py."""
    return named(family, (name, *LABELS[reason]))
