"""What is different between the plan that is at work and another one: for those who ask, and whether a reload can do it.

Pure. A reload is all or nothing: if one thing takes a restart, nothing is changed, and what takes it is named.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hardtack.control.configuration.advice import range_of
from hardtack.control.configuration.schema import Config, Front, Inert, KeyFiles, Metrics
from hardtack.control.configuration.units import Between
from hardtack.control.plan import Plan, Seats
from hardtack.control.sources import grown
from hardtack.packet.layout import PORT_WORDS

MOST_SHOWN = 4  # of the values that come, or go, in a list
# Keys of [front] that a reload cannot change, and why
RESTART = {
    "interface": "programs are attached when a front starts",
    "inside": "programs are attached when a front starts",
    "connections": "the table is created when a front starts",
    "sources": "the table is created when a front starts",
    "engine": "programs are attached when a front starts",
    "cpus": "workers are started with the front",
    "when_down": "the af_xdp engine is set up when a front starts",
}

EVENTS = "tokens are read and commands set only when a front starts"  # a URL may be a secret: it is not shown


class How(StrEnum):
    """What became of something."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True)
class Change:
    """One host, by name, one key of [front], [metrics] or [events], one key file, one file of lists.

    `details`: what is different, for people.
    """

    what: str  # "host", "front", "metrics", "events", "list", "key"
    name: str
    how: How
    details: tuple[str, ...] = ()

    def __str__(self) -> str:
        told = f": {'; '.join(self.details)}" if self.details else ""
        thing = f"[{self.what}] {self.name}" if self.what in ("front", "metrics", "events") else f"{self.what} {self.name}"
        return f"{thing} {self.how}{told}"


def changes(now: Plan, then: Plan) -> list[Change]:
    """All of them: [front] first, then hosts in the order of the configuration, those that go last."""
    was, will = now.config, then.config
    files = (*list_changes(now, then), *key_changes(now, then))
    events = [Change("events", key, How.CHANGED) for key, _, _ in differences(was.events, will.events)]
    ours = *front_changes(was.front, will.front), *metrics_changes(was.metrics, will.metrics), *events
    return [*ours, *host_changes(was, will), *files]


def front_changes(now: Front, then: Front) -> Iterator[Change]:
    """By key."""
    for key, was, will in differences(now, then):
        yield Change("front", key, How.CHANGED, (told(was, will),))


def metrics_changes(now: Metrics, then: Metrics) -> Iterator[Change]:
    """By key."""
    for key, was, will in differences(now, then):
        yield Change("metrics", key, How.CHANGED, (told(was, will),))


def host_changes(now: Config, then: Config) -> Iterator[Change]:
    """By name; one that is called otherwise is another one."""
    before = {host.name: host for host in now.hosts}
    for host in then.hosts:
        if before.get(host.name) is host:
            continue
        if host.name not in before:
            yield Change("host", host.name, How.ADDED, (f"addresses {listed(map(str, host.addresses))}",))
        elif details := tuple(f"{key} {told(was, will)}" for key, was, will in differences(before[host.name], host)):
            yield Change("host", host.name, How.CHANGED, details)
    stay = {host.name for host in then.hosts}
    yield from (Change("host", name, How.REMOVED) for name in before if name not in stay)


def list_changes(now: Plan, then: Plan) -> Iterator[Change]:
    """Files of lists that hold other prefixes than before."""
    for file, content in then.lists.items():
        if file in now.lists:
            come, go = grown(now.lists[file], content)
            if come or go:
                yield Change("list", str(file), How.CHANGED, (f"+{come} -{go} prefixes",))


def key_changes(now: Plan, then: Plan) -> Iterator[Change]:
    """Files that hold another key than before. Which one, nobody is told."""
    for file, master in then.masters.items():
        if now.masters.get(file, master) != master:
            yield Change("key", str(file), How.CHANGED)


def differences(now: Inert, then: Inert) -> Iterator[tuple[str, Any, Any]]:
    """Key, old value and new one, for each key that has another; quantities as they are written."""
    for key, field in type(then).model_fields.items():
        was, will = getattr(now, key), getattr(then, key)
        if was != will:
            limits = range_of(field)
            yield key, *((written(limits, was), written(limits, will)) if limits else (was, will))


def written(limits: Between, value: int | None) -> str | None:
    """A quantity as people write it."""
    return None if value is None else limits.kind.toml(value).strip('"')


def told(was: Any, will: Any) -> str:
    """What a value was and will be; of lists, what comes and what goes."""
    if not (isinstance(was, tuple) and isinstance(will, tuple)):
        return f"{shown(was)} -> {shown(will)}"
    before, after = {*was}, {*will}
    come, go = [one for one in will if one not in before], [one for one in was if one not in after]
    parts = [f"+{listed(map(str, come))}"] if come else []
    parts += [f"-{listed(map(str, go))}"] if go else []
    return " ".join(parts) or "in another order"


def shown(value: Any) -> str:
    """A value; None is a key that is left out."""
    if isinstance(value, bool):
        return str(value).lower()
    return "(default)" if value is None else listed(map(str, value)) if isinstance(value, tuple) else str(value)


def listed(values: Iterable[str]) -> str:
    """The first of them, and how many more."""
    values = [*values]
    more = f",+{len(values) - MOST_SHOWN}" if len(values) > MOST_SHOWN else ""
    return ",".join(values[:MOST_SHOWN]) + more


def both(files: KeyFiles) -> str:
    """A key file, and the old one."""
    return f"{files.new} and {files.old}" if files.old else str(files.new)


def restarts(now: Plan, then: Plan) -> list[str]:
    """What of it takes a restart, and why: a line each."""
    was, will = now.config, then.config
    front = [one for one in differences(was.front, will.front) if one[0] in RESTART]
    found = [f"[front] {key}: {told(before, after)}: {RESTART[key]}" for key, before, after in front]
    for key, before, after in differences(was.metrics, will.metrics):
        found.append(f"[metrics] {key}: {told(before, after)}: the exporter is started with the front")
    found += [f"[events] {key}: {EVENTS}" for key, _, _ in differences(was.events, will.events)]
    found += agent_restarts(now.seats, then)
    if will.leaving and not any(place.link.startswith("leaving") for place in now.places):
        found.append(f"learning from traffic sent on {listed(was.front.uplinks)}: {RESTART['inside']}")
    known = {one.name for one in now.facts.exits}
    for host in will.hosts:
        if host.out and host.out not in known:
            found.append(f"host {host.name}: out = {host.out}: this interface was not there at the start")
    if len(then.seats.key_files) > (entries := now.seats.sizes["keys"]):
        found.append(f"{len(will.key_pairs)} key sets: the table was created for at most {entries}, including earlier ones")
    if max(then.seats.numbers.values()) >= (entries := now.seats.sizes["counters"]):
        found.append(f"{len(will.hosts)} hosts: the tables were created for at most {entries - 1}")
    if max(then.protected.sets.values(), default=0) >= (entries := now.seats.sizes["ports"] // PORT_WORDS):
        found.append(f"{len(then.protected.sets)} port sets: the table was created for at most {entries - 1}")
    found += rule_restarts(now.seats, then.seats)
    return found


def agent_restarts(now: Seats, then: Plan) -> list[str]:
    """What of the agent here takes one. It stays attached when nobody needs it any more, and has the first set of keys."""
    will = then.config
    if not will.has_agent:
        return []
    if not now.agent:
        name = next(host.name for host in will.hosts if host.has_agent_here)
        return [f'host {name}: handshake = "agent" with via = "local": the agent is attached when a front starts']
    if will.key_pairs[0] != now.agent:
        return [f"the agent here: key file {both(now.agent)} -> {both(will.key_pairs[0])}"]
    return [] if then.seats.key_files[0] == now.agent else ["the agent here: hosts with another key use its key set"]


def rule_restarts(now: Seats, then: Seats) -> list[str]:
    """What of rules takes one."""
    found = []
    if max(then.rules.numbers.values(), default=0) >= (entries := now.sizes["rule_counters"]):
        found.append(f"{len(then.rules.numbers)} rules: the tables were created for at most {entries - 1}")
    return found
