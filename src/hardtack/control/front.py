"""`hardtack front`: configuration into tables, programs onto interfaces or into the place of those there, and upkeep."""

from __future__ import annotations

import logging
import struct
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from hardtack import journal
from hardtack.agent import daemon, record
from hardtack.agent.hold import held
from hardtack.agent.image import agent_image
from hardtack.agent.presence import Presence
from hardtack.agent.upkeep import Upkeep, hold_signals, until_ended
from hardtack.control import succession
from hardtack.control.config import Config
from hardtack.control.connections import buckets_for, places_entry
from hardtack.control.exits import find_exits
from hardtack.control.marking import Marking
from hardtack.control.next_hops import NextHops
from hardtack.control.pinned import NAMES
from hardtack.control.tables import device_entries, exits_entry, host_entries, host_updates, policy_entry
from hardtack.engines import xdp
from hardtack.image import ONLY, Image
from hardtack.kernel import features, interfaces, pins, privileges
from hardtack.kernel.features import Purpose
from hardtack.kernel.maps import Map
from hardtack.kernel.pins import Folder
from hardtack.kernel.standing import Place, Standing
from hardtack.keys import read_key
from hardtack.packet.layout import WAYS
from hardtack.packet.programs import SWEEPER
from hardtack.packet.reasons import Reason


@dataclass(frozen=True)
class Ingredients:
    """What a front is made of: programs and where they are to be, the agent's where this machine is a host, master keys."""

    places: Sequence[Place]
    images: Sequence[Image]
    agent: Image | None
    masters: Sequence[bytes]


@dataclass(frozen=True)
class AtWork:
    """A front that protects. `agent` is None where no host is this machine; `adopted`: it took over from one at work."""

    front: Standing
    agent: Standing | None
    upkeep: Upkeep
    next_hops: NextHops
    marking: Marking
    presence: Presence
    adopted: bool
    connections: int
    grace_until: int  # unix ms


def run(config: Config, path: Path, verbose: bool = False) -> int:
    """Serve until SIGTERM or SIGINT; the exit status. Raises Mistake for what the user can put right.

    `path` is where the configuration was, for those who ask.
    """
    started = time.perf_counter()
    journal.begin(verbose)
    interface = config.front.interface
    features.require(purposes(config))
    given = ingredients(config)  # in a checkout this may take a minute, and Ctrl-C end it
    bell = hold_signals()
    folder = pins.folder("front", interface)
    with ExitStack() as parts:
        parts.enter_context(held(folder))
        here = start(config, folder, given, parts)
        record.write(record.place("front", folder.namespace, interface), path)
        privileges.drop()
        journal.note(
            "ready",
            interface=interface,
            mode=interfaces.find(interface).attached,
            hosts=len(config.hosts),
            agent_here=told(here.agent is not None),
            adopted=told(here.adopted),
            connections=here.connections,
            grace=round(max(0.0, here.grace_until / 1000 - time.time()), 1),
            seconds=round(time.perf_counter() - started, 3),
        )
        daemon.tell_of_programs(here.front)
        ended = until_ended(bell, [here.upkeep, here.marking, here.presence], [here.next_hops])
        counts = counted(here.front.tables["counters"]) | (daemon.summary(here.agent) if here.agent else {})
    daemon.leave(interface, ended.name, f"hardtack detach --interface {interface}", counts)
    return 0


def ingredients(config: Config) -> Ingredients:
    """All of it; nothing in the kernel has been touched. Mistake for a key file, an interface that is not there."""
    masters = [read_key(file) for file in config.key_files]
    for name in (config.front.interface, *config.front.inside):
        interfaces.require_ethernet(name)
    places = xdp.places(config.front.interface, config.front.inside, learns_from_leaving(config))
    return Ingredients(places, xdp.images(places), agent_image() if has_local(config) else None, masters)


def start(config: Config, folder: Folder, given: Ingredients, parts: ExitStack) -> AtWork:
    """Have everything at work, and kept so. `parts` is given what is to be closed when the process ends."""
    entries, names = host_entries(config), [host.name for host in config.hosts]
    earlier = succession.before(folder)
    same_hosts = earlier.hosts == names
    front = parts.enter_context(xdp.load(folder, given.images, sizes(config), [NAMES], keep_counters=same_hosts))
    goes_on = front.takes_over(given.places[-1])
    grace_until = succession.grace_until(config, earlier, front, entries, goes_on)
    exits = find_exits(config)
    fill(front, config, entries, grace_until)
    front.tables["exits"].update(ONLY, exits_entry(exits))
    for key, value in device_entries(exits):
        front.tables["devices"].update(key, value)
    upkeep = Upkeep(front.tables, given.masters)
    upkeep.write()  # before a frame can ask for a key
    next_hops = parts.enter_context(NextHops(config, exits, front.tables["next_hops"]))
    next_hops.write()
    agent = None
    if given.agent:
        shared = {name: front.tables[name] for name in ("keys", "clock")}
        agent = parts.enter_context(daemon.load(folder, given.agent, shared))
    if earlier.hosts and not same_hosts:
        journal.note("dropped", logging.WARNING, table="counters", why="the hosts are others than before")
    connections = succession.take_over(front)
    if agent:  # before the first cookie goes out, somebody must know what to do with it
        agent.attach([daemon.place(config.front.interface)])
    refused = front.attach(given.places)
    keep(front, agent)
    if connections and not same_hosts:
        succession.renumber(succession.open_table(front.tables), entries)
    tell_slow(given.places, refused)
    marking = Marking(front.tables, front.programs[SWEEPER.name])
    presence = Presence(*(part for part in (front, agent) if part))
    return AtWork(front, agent, upkeep, next_hops, marking, presence, goes_on, connections, grace_until)


def has_local(config: Config) -> bool:
    """Whether this machine is a host itself."""
    return any(host.via == "local" for host in config.hosts)


def learns_from_leaving(config: Config) -> bool:
    """Whether what hosts send is seen where it leaves: not if it all comes in by interfaces that are named.

    What a one-armed host sends comes in by the interface that faces the internet, and goes out by it again.
    """
    one_armed = any(host.via == "mac" and not host.out for host in config.hosts)
    return has_local(config) or one_armed or not config.front.inside


def purposes(config: Config) -> list[Purpose]:
    """What the kernel must be good for."""
    wanted: dict[Purpose, bool] = {"front": True, "leaving": learns_from_leaving(config), "agent": has_local(config)}
    return [purpose for purpose, needed in wanted.items() if needed]


def sizes(config: Config) -> dict[str, int]:
    """Entries of the tables whose size the configuration says."""
    buckets, hosts = buckets_for(config.front.connections), 1 + len(config.hosts)
    return {"tags": buckets, "connections": buckets * WAYS, "counters": hosts, NAMES.name: hosts}


def fill(front: Standing, config: Config, entries: Mapping[bytes, bytes], grace_until: int) -> None:
    """Write what the configuration says; and where connections may be, if the table is new."""
    for table, key, value in host_updates(entries):
        front.tables[table].update(key, value)
    queues = interfaces.find(config.front.interface).queues
    front.tables["policy"].update(ONLY, policy_entry(config, grace_until, queues))
    for number, host in enumerate(config.hosts, 1):
        front.tables[NAMES.name].update(struct.pack("=I", number), host.name.encode().ljust(NAMES.value_size, b"\0"))
    if "places" not in front.adopted:
        front.tables["places"].update(ONLY, places_entry(buckets_for(config.front.connections)))


def keep(front: Standing, agent: Standing | None) -> None:
    """From here on it all goes on without this process; what nobody wants any more comes off."""
    parts = [part for part in (agent, front) if part]
    for part in parts:
        part.keep()
    tables = {path for part in parts for path in part.pinned()}
    for link in front.folder.keep(tables, {name for part in parts for name in part.links()}):
        journal.note("removed", program=link)


def tell_slow(places: Iterable[Place], refused: Mapping[str, str]) -> None:
    """Warn of programs that are not in their driver."""
    for place in places:
        if place.hook == "xdp" and interfaces.find(place.interface).attached == "generic":
            why = "the kernel's generic hook runs the program, not the driver"
            driver = {"driver": refused[place.link]} if place.link in refused else {}
            journal.note("slow", logging.WARNING, interface=place.interface, why=why, **driver)


def counted(counters: Map) -> dict[str, int]:
    """Frames by reason, of all hosts together, without those that no frame has had."""
    total = Counter[int]()
    for number in range(counters.table.entries):
        total.update(dict(enumerate(counters.totals(struct.pack("=I", number)))))
    return {reason.name: total[reason] for reason in Reason if total[reason]}


def told(fact: bool) -> str:
    """As in a log line."""
    return str(fact).lower()
