"""What the pinned tables of this network namespace say, as plain values. Nothing is changed, and no process is needed.

The keys of `asdict(Readout)` are the contract of `hardtack status --json`.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hardtack.agent import record
from hardtack.agent.hold import living
from hardtack.control import listing, reloads
from hardtack.control.attacks.entry import Attack, attacks_in
from hardtack.control.handovers.failures import Failure, failures_in
from hardtack.control.handshakes import NAMED
from hardtack.control.holdings import Connections, ProvenSources, connections, sources
from hardtack.control.pinned import Interfaces, Tables, all_of
from hardtack.control.rule_texts import NOBODY, RULE_TEXTS, written
from hardtack.control.totals import totals
from hardtack.control.workers import WorkerSeen, workers_in
from hardtack.image import ONLY
from hardtack.kernel import batches, interfaces, links, pins
from hardtack.kernel.interfaces import InterfaceError
from hardtack.kernel.maps import Map
from hardtack.kernel.pins import Folder
from hardtack.keys import EPOCH
from hardtack.packet.entries import NEVER, bytes_of, frames_of
from hardtack.packet.layout import (
    AGENT_COUNTERS,
    CONFIGURED_SHIFT,
    COUNTERS,
    HANDSHAKE_BITS,
    HOSTS,
    KEYS,
    POLICY,
    Host,
    Keys,
    Policy,
)
from hardtack.packet.reasons import Reason, Verdict, verdict
from hardtack.packet.rule_tables import RULE_COUNTERS
from hardtack.packet.worker_records import WORKERS

AGENTS_OWN = "agent-"  # before the names of tables that an agent in the front's process has for itself


@dataclass(frozen=True)
class Attached:
    """A program on an interface; that is "" if it has gone."""

    program: str  # "front", "inside", "leaving", "agent"
    interface: str
    id: int  # the kernel's


@dataclass(frozen=True)
class Frames:
    """How many frames had each verdict, and each reason that is not 0, and their bytes. In JSON, all reasons are there."""

    verdicts: dict[str, int]
    reasons: dict[str, int]
    bytes: dict[str, int]  # by reason


@dataclass(frozen=True)
class RuleFrames:
    """What a rule has matched; of that, what was beyond its rate. `host`: "" for a rule of all hosts."""

    host: str
    rule: str
    frames: int
    bytes: int
    over: int
    over_bytes: int


@dataclass(frozen=True)
class Handshake:
    """By name, a host's own, and the one that holds now."""

    configured: str
    holds: str


@dataclass(frozen=True)
class Reload:
    """What has become of reloads. Times are unix time in seconds; `age`: of what is at work, since it was last read.

    `failed`, `why`: None if the last one did not fail. `successes`, `failures`: since the start.
    """

    succeeded: float
    failed: float | None
    why: str | None
    successes: int
    failures: int
    age: float


@dataclass(frozen=True)
class Readout:
    """A front or an agent. Times are unix time in seconds. None: not here, or not known.

    `interface`: the one that it is named by, of all its `interfaces`.
    """

    role: record.Role
    interface: str
    interfaces: list[str]
    modes: dict[str, str | None]  # of a front's program, by interface: "driver", "generic", "tcx"
    programs: list[Attached]
    process: int | None
    started: float | None
    configuration: str | None
    keys_until: float | None
    key_sets: int  # that have keys
    old_keys: int  # of these, those of which an old key's cookies are taken, too
    grace_left: float | None  # seconds; 0: over
    hosts: dict[str, Frames]
    handshakes: dict[str, Handshake]  # by host
    rules: list[RuleFrames]
    no_host: Frames | None
    connections: Connections | None
    sources: ProvenSources | None
    agent: Frames | None  # what the agent's program has counted
    reload: Reload | None  # of a front
    attacks: dict[str, Attack]  # of a front's hosts that are protected only under attack
    failures: dict[str, Failure]  # by host; of a front
    workers: list[WorkerSeen]  # of the af_xdp engine


@dataclass(frozen=True)
class Snapshot:
    """Everything that is attached in this network namespace at one time (unix time in seconds)."""

    time: float
    attached: list[Readout]


def everything(interface: Interfaces = None, root: Path = pins.ROOT) -> Snapshot:
    """All of it, or who is on these interfaces. NothingHere if there is nothing; else as `read`."""
    return Snapshot(time.time(), [read(folder) for folder in all_of(interface, root)])


def read(folder: Folder) -> Readout:
    """Everything about one front or agent. BpfError, MismatchError, RecordError."""
    with Tables(folder) as tables:
        front = folder.role == "front"
        frames = counted(tables.get(COUNTERS)) if front else []
        own = counted(tables.get(AGENT_COUNTERS, AGENTS_OWN if front else ""))
        return replace(
            state(folder, tables),
            hosts=named(frames[1:], tables.hosts(), tables.gone()) if front else {},
            rules=[*ruled(tables)] if front else [],
            no_host=frames[0] if front and frames else None,
            connections=connections(tables),
            sources=sources(tables),
            agent=own[0] if own else None,
        )


def state(folder: Folder, tables: Tables) -> Readout:
    """How it stands, without what is counted and what is held: that takes longer to read. Likewise."""
    process = record.read(record.place(folder.role, folder.namespace, folder.interface))
    front, sets = folder.role == "front", key_sets(tables.get(KEYS))
    return Readout(
        role=folder.role,
        interface=folder.interface,
        interfaces=[*folder.interfaces],
        modes={interface: mode(folder, interface) for interface in folder.interfaces} if front else {},
        programs=[*programs(folder)],
        process=process.pid if process and process.running else living(folder) or None,
        started=process.started if process else None,
        configuration=process.configuration or None if process else None,
        keys_until=keys_until(sets),
        key_sets=int(has_keys(sets).sum()),
        old_keys=int(sets["old"].any(axis=1).sum()),
        grace_left=grace_left(tables.get(POLICY), tables.now()),
        hosts={},
        handshakes=handshakes(tables) if front else {},
        rules=[],
        no_host=None,
        connections=None,
        sources=None,
        agent=None,
        reload=reload(tables) if front else None,
        attacks=attacks_in(tables) if front else {},
        failures=failures_in(tables) if front else {},
        workers=workers_in(tables.get(WORKERS)) if front else [],
    )


def reload(tables: Tables) -> Reload | None:
    """None if it is not known."""
    found = reloads.read(tables.get(reloads.RELOADS))
    return Reload(**asdict(found), age=round(max(0.0, time.time() - found.succeeded), 1)) if found else None


def mode(folder: Folder, interface: str) -> str | None:
    """How the front's program runs there; None if it does not, or the interface has gone."""
    try:
        found = interfaces.find(interface)
    except InterfaceError:
        return None
    link = folder.living(pins.link_name("front", interface), found.index, "ingress")
    if link is None:
        return found.attached or None
    link.close()
    return "tcx"


def programs(folder: Folder) -> Iterator[Attached]:
    """Those that are pinned, and what they hang on."""
    for name, path in sorted(folder.links().items()):
        with links.adopt(path) as link:
            where = links.interface_name(link.ifindex) if link.ifindex else ""
            yield Attached(pins.parted(name)[0], where, link.program_id)


def counted(counters: Map | None) -> list[Frames]:
    """Each entry of a table of counters, all CPUs added up."""
    if counters is None:
        return []
    rows, nothing = totals(counters), tally([])
    return [tally(row.tolist()) if row.any() else nothing for row in rows]


def named(frames: list[Frames], names: list[str], gone: Collection[str] = ()) -> dict[str, Frames]:
    """Each host's, by name; by number where a name is not known and frames are. `frames` are more than there are hosts.

    `gone`: hosts that are no more.
    """
    known = ((listing.name_of(number, names), number <= len(names), one) for number, one in enumerate(frames, 1))
    return {name: one for name, ours, one in known if name and name not in gone and (ours or one.reasons)}


def ruled(tables: Tables) -> Iterator[RuleFrames]:
    """Each rule, by number: those of all hosts first."""
    names, table = dict(enumerate(tables.hosts(), 1)) | {NOBODY: ""}, tables.get(RULE_COUNTERS)
    counters = totals(table).tolist() if table else []
    for number, one in sorted(written(tables.get(RULE_TEXTS)).items(), key=lambda item: (item[1].owner, item[0])):
        counts = counters[number][:4] if number < len(counters) else [0, 0, 0, 0]
        yield RuleFrames(names.get(one.owner, f"host {one.owner}"), one.shown, *counts)


def tally(tallies: list[int]) -> Frames:
    """An entry of `counters`, told by name."""
    frames, octets = frames_of(tallies), bytes_of(tallies)
    seen = [reason for reason in Reason if reason < len(frames) and frames[reason]]
    verdicts = {one.name: 0 for one in Verdict}
    for reason in seen:
        verdicts[verdict(reason).name] += frames[reason]
    return Frames(verdicts, {one.name: frames[one] for one in seen}, {one.name: octets[one] for one in seen})


def key_sets(keys: Map | None) -> npt.NDArray[np.void]:
    """The slots of each set of keys."""
    return np.frombuffer(b"".join(sets for _, sets in batches.entries(keys)) if keys else b"", Keys)["slots"]


def last_epochs(sets: npt.NDArray[np.void]) -> npt.NDArray[np.uint64]:
    """The last epoch that each set has a key for; 0: none."""
    epochs = np.where(sets["epoch"] == NEVER, np.uint64(0), sets["epoch"])
    return np.asarray(epochs.max(axis=1), np.uint64)


def has_keys(sets: npt.NDArray[np.void]) -> npt.NDArray[np.bool_]:
    """Which sets have any."""
    return last_epochs(sets) > 0


def keys_until(sets: npt.NDArray[np.void]) -> float | None:
    """When the first set of keys runs out; None if there is no key."""
    last = last_epochs(sets)
    return float((last[last > 0].min() + 1) * EPOCH) if last.any() else None


def grace_left(policy: Map | None, now: int) -> float | None:
    """Seconds until the door closes; `now` in monotonic ms."""
    entry = policy.lookup(ONLY) if policy else None
    return max(0, int(np.frombuffer(entry, Policy)["grace_until"][0]) - now) / 1000 if entry else None


def handshakes(tables: Tables) -> dict[str, Handshake]:
    """Of each host at work."""
    hosts, gone, names = tables.get(HOSTS), tables.gone(), {number: name for name, number in NAMED.items()}
    known = tables.hosts()
    words = np.frombuffer(hosts.memory(), Host)["handshake"][: len(known) + 1].tolist() if hosts else []
    own = ((name, words[number]) for number, name in enumerate(known, 1) if number < len(words))
    return {
        name: Handshake(names.get(word >> CONFIGURED_SHIFT & HANDSHAKE_BITS, "?"), names.get(word & HANDSHAKE_BITS, "?"))
        for name, word in own
        if name and name not in gone
    }
