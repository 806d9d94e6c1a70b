"""What was read, as samples of metrics: pure. Frames and bytes, of which there may be very many, come as arrays' rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from hardtack.agent.families import AGENT_FRAMES, BUILD, KEYS_EXPIRE, Family
from hardtack.control.attacks.entry import KINDS
from hardtack.control.metrics import families as of
from hardtack.control.metrics.reading import Seen, Traffic
from hardtack.control.workers import FATES
from hardtack.packet.reasons import FRONT_REASONS

Labels = tuple[str, ...]  # values, in the order of Family.labels
Sample = tuple[Family, Labels, float]


@dataclass(frozen=True)
class Facts:
    """What no table says. `interfaces`: name and mode, and whether a program runs there now; the front's process' start.

    `keys_until`: unix time when the keys run out, None if nobody knows. `interface`: the one that the front is named by.
    """

    interface: str
    interfaces: tuple[tuple[str, str, bool], ...]
    started: float
    version: str
    keys_until: float | None
    epoch: int


@dataclass(frozen=True)
class Own:
    """What the exporter has to say of itself."""

    cpu_seconds: float
    influx: bool = False
    sent: int = 0
    lost: Mapping[str, int] | None = None
    failures: int = 0
    waiting: int = 0


def samples(seen: Seen, facts: Facts, own: Own) -> Iterator[Sample]:
    """Everything but frames and bytes by host and CPU."""
    syns = seen.hosts.frames[:, [*of.SYNS]].sum(1).tolist() if seen.hosts.names else []
    by_host = zip(seen.hosts.names, syns, strict=True)
    yield from ((of.HOST_SYNS, (name,), count) for name, count in by_host if name != of.NOBODY)
    yield from rules(seen)
    yield from tables(seen)
    yield from attacks(seen)
    yield from front(seen, facts)
    yield from exporter(seen, own)


def rules(seen: Seen) -> Iterator[Sample]:
    """By host and the rule's text."""
    for rule in seen.rules:
        labels = rule.host or of.EVERYBODY, rule.rule
        yield of.RULE_FRAMES, labels, rule.frames
        yield of.RULE_BYTES, labels, rule.bytes
        yield of.RULE_OVER, labels, rule.over
        yield of.RULE_OVER_BYTES, labels, rule.over_bytes


def tables(seen: Seen) -> Iterator[Sample]:
    """Connections and proven sources."""
    yield from ((of.EVICTED_CONNECTIONS, (why,), count) for why, count in seen.evicted.items())
    if not (held := seen.held):
        return
    yield from ((of.CONNECTIONS, (name,), count) for name, count in held.origins.items())
    yield from ((of.CONNECTION_STATES, (name,), count) for name, count in held.states.items())
    yield of.CONNECTIONS_CAPACITY, (), held.capacity
    yield of.SOURCES, (), held.sources
    yield of.SOURCES_WAITING, (), held.waiting
    yield of.SOURCES_CAPACITY, (), held.sources_capacity


def attacks(seen: Seen) -> Iterator[Sample]:
    """Of hosts; and hosts that do not take over their clients."""
    found = seen.attacks
    columns = zip(found.names, found.protected, found.since, found.peak, found.usual, strict=True)
    for name, protected, since, peak, usual in columns:
        yield of.ATTACKED, (name,), int(since > 0)
        yield of.PROTECTED, (name,), int(protected)
        yield from ((of.BASELINE, (name, kind), rate) for kind, rate in zip(KINDS, usual, strict=True))
        if since:
            yield of.ATTACK_SINCE, (name,), since
            yield from ((of.ATTACK_PEAK, (name, kind), rate) for kind, rate in zip(KINDS, peak, strict=True))
    for name, failure in seen.failures.items():
        yield of.HANDOVER, (name, failure.kind), 1


def front(seen: Seen, facts: Facts) -> Iterator[Sample]:
    """The front as a whole, its agent, its process."""
    if seen.grace_left is not None:
        yield of.GRACE, (), seen.grace_left
    if facts.keys_until is not None:
        yield KEYS_EXPIRE, (facts.interface,), facts.keys_until
    yield of.KEY_EPOCH, (), facts.epoch
    if seen.clock_error is not None:
        yield of.CLOCK_ERROR, (), seen.clock_error
    if seen.reloads:
        yield of.RELOADS, ("success",), seen.reloads.successes
        yield of.RELOADS, ("failure",), seen.reloads.failures
        yield of.RELOADED, (), seen.reloads.succeeded
        yield of.RELOAD_FAILED, (), float(seen.reloads.failed is not None)
    for number, worker in enumerate(seen.workers):
        yield from ((of.WORKER_FRAMES, (str(number), fate), getattr(worker, fate)) for fate in FATES)
    for name, mode, attached in facts.interfaces:
        yield of.ATTACHED, (name, "xdp" if mode != "tcx" else "tcx", mode), float(attached)
    yield of.HOSTS, (), sum(name != of.NOBODY for name in seen.hosts.names)
    yield of.UP, (), 1
    yield of.STARTED, (), facts.started
    yield BUILD, (facts.version,), 1
    yield from ((AGENT_FRAMES, (facts.interface, reason), count) for reason, count in (seen.agent or {}).items())


def exporter(seen: Seen, own: Own) -> Iterator[Sample]:
    """What it costs, and what became of what was sent."""
    yield of.READ_SECONDS, (), seen.seconds
    yield of.CPU_SECONDS, (), own.cpu_seconds
    if own.influx:
        yield of.SENT, (), own.sent
        yield from ((of.LOST, (why,), count) for why, count in (own.lost or {}).items())
        yield of.SEND_FAILURES, (), own.failures
        yield of.WAITING, (), own.waiting


def rows(traffic: Traffic) -> Iterator[tuple[str, int, int, int]]:
    """Name, reason, frames and bytes, of reasons that have occurred."""
    places, reasons = np.nonzero(traffic.frames[:, :FRONT_REASONS])
    frames, octets = traffic.frames[places, reasons].tolist(), traffic.bytes[places, reasons].tolist()
    for place, reason, count, size in zip(places.tolist(), reasons.tolist(), frames, octets, strict=True):
        if reason in of.LABELS:
            yield traffic.names[place], reason, count, size
