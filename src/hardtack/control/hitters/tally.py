"""Sampled frames added up: sources, prefixes and ports, for each host and for all, over the last ten seconds or so.

Weights decay by e in `SPAN` seconds, so a steady stream of r frames a second comes to r times SPAN. A rate is a weight by
SPAN; in the first seconds, by the part of it that has passed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any, Literal

from hardtack.control.hitters.heavy import Heaviest
from hardtack.control.hitters.sample import Ends, Sample, ends_of
from hardtack.packet.reasons import REASONS, Verdict, verdict

SPAN = 10.0  # s
ROOM = 256  # counters of each kind, so what has more than 0.4 % of all is among them
MOST_HOSTS = 64  # that have counters of their own; others are in what is everybody's
ALL = 0  # instead of a host's number: of all hosts
IPV4_PREFIX, SITE, SUBNET = 24, 48, 64  # bits

Kind = Literal["source", "prefix", "subnet", "source port", "destination port"]  # prefix: /24 or /48; subnet: IPv6 /64
KINDS: tuple[Kind, ...] = ("source", "prefix", "subnet", "source port", "destination port")


@dataclass(frozen=True)
class Hitter:
    """A key as people write it. `rate` in frames per second, too high by at most `error`; `share` of all, 0 to 1."""

    key: str
    rate: float
    error: float
    share: float


class Hitters:
    """What is counted. Time comes in, in monotonic seconds, and is never asked for."""

    def __init__(self, now: float, room: int = ROOM) -> None:
        self._room, self._begun, self._at = room, now, now
        self._counters: dict[int, dict[Kind, Heaviest[Any]]] = {ALL: self._new()}
        self.taken = self.malformed = self.passed_over = 0  # samples, since the beginning; those that were not drops

    def _new(self) -> dict[Kind, Heaviest[Any]]:
        return {kind: Heaviest(self._room) for kind in KINDS}

    @property
    def hosts(self) -> list[int]:
        """Numbers of those that have counters."""
        return [number for number in self._counters if number != ALL]

    def take(self, samples: Iterable[Sample], now: float) -> None:
        """Count these as of `now`."""
        self._decay(now)
        for sample in samples:
            if not 0 <= sample.reason < REASONS or verdict(sample.reason) != Verdict.DROP:
                self.passed_over += 1
                continue
            self.taken += 1
            ends = ends_of(sample)
            if ends is None:
                self.malformed += 1
                continue
            for counters in (self._counters[ALL], self._of(sample.host)):
                if counters is not None:
                    count(counters, ends, sample.weight)

    def _of(self, host: int) -> dict[Kind, Heaviest[Any]] | None:
        """A host's own counters; the quietest host's are given up where there are too many."""
        if host == ALL:
            return None
        if host not in self._counters:
            if len(self._counters) > MOST_HOSTS:
                quietest = min(self.hosts, key=lambda number: self._counters[number]["source"].total)
                del self._counters[quietest]
            self._counters[host] = self._new()
        return self._counters[host]

    def _decay(self, now: float) -> None:
        factor = math.exp(-max(0.0, now - self._at) / SPAN)
        self._at = max(self._at, now)
        for counters in self._counters.values():
            for one in counters.values():
                one.decay(factor)

    def top(self, kind: Kind, most: int, host: int = ALL) -> list[Hitter]:
        """The heaviest of a host, or of all; none for a host that nothing was dropped for."""
        counters = self._counters.get(host)
        if counters is None or not counters["source"].total:
            return []
        every = counters["source"].total
        window = SPAN * -math.expm1(-max(self._at - self._begun, 1.0) / SPAN)
        return [
            Hitter(shown(kind, one.key), one.weight / window, one.error / window, min(1.0, one.weight / every))
            for one in counters[kind].top(most)
        ]


def thinned(samples: Iterable[Sample], most: int) -> list[Sample]:
    """At most so many of them, evenly; each stands for those left out, too."""
    found = [*samples]
    step = -(-len(found) // most)
    return [one._replace(weight=one.weight * step) for one in found[::step]] if step > 1 else found


def count(counters: dict[Kind, Heaviest[Any]], ends: Ends, weight: float) -> None:
    """One frame, under each kind of key."""
    counters["source"].add(ends.source, weight)
    counters["prefix"].add(prefix(ends.source, IPV4_PREFIX if len(ends.source) == 4 else SITE), weight)
    if len(ends.source) == 16:
        counters["subnet"].add(prefix(ends.source, SUBNET), weight)
    if ends.source_port is not None:
        counters["source port"].add(ends.source_port, weight)
    if ends.destination_port is not None:
        counters["destination port"].add(ends.destination_port, weight)


def prefix(address: bytes, bits: int) -> tuple[bytes, int]:
    """The first `bits`, a multiple of 8, of an address, and how many they are."""
    return address[: bits // 8] + bytes(len(address) - bits // 8), bits


def shown(kind: Kind, key: Any) -> str:
    """As people write it."""
    if kind == "source":
        return str(ip_address(key))
    return str(ip_network(key)) if kind in ("prefix", "subnet") else str(key)
