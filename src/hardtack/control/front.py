"""`hardtack front`: configuration into tables, programs onto interfaces or into the place of those there, and upkeep."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from hardtack import journal
from hardtack.agent import daemon, record, round_lo
from hardtack.agent.hold import held
from hardtack.agent.image import agent_image
from hardtack.agent.locals import Locals
from hardtack.agent.presence import Presence
from hardtack.agent.upkeep import Upkeep, Work, hang_bell, hold_signals, until_ended
from hardtack.agent.waiting import Waiting
from hardtack.agent.watch import Watch
from hardtack.control import succession
from hardtack.control.config import Config, Host
from hardtack.control.connections import buckets_for, marks_for, places_entry, table_sizes
from hardtack.control.exits import find_exits
from hardtack.control.following import Keeper
from hardtack.control.marking import Marking
from hardtack.control.next_hops import NextHops
from hardtack.control.numbers import Numbering, counters_for, names_for, new_to, numbered
from hardtack.control.origins import Origins
from hardtack.control.outside import Outside
from hardtack.control.pinned import NAMES, key_of
from hardtack.control.tables import device_entries, host_entries, host_updates, policy_entry
from hardtack.control.watches import watches
from hardtack.diagnosis.finding import Site
from hardtack.diagnosis.telling import tell
from hardtack.engines import xdp
from hardtack.image import ONLY, Image
from hardtack.kernel import features, interfaces, pins, privileges, tcp
from hardtack.kernel.features import Purpose
from hardtack.kernel.maps import Map
from hardtack.kernel.pins import Folder
from hardtack.kernel.standing import Place, Standing
from hardtack.keys import read_key
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
    followers: Sequence[Keeper | Locals]
    marking: Marking
    presence: Presence
    watches: Sequence[Watch]
    adopted: bool
    connections: int
    grace_until: int  # monotonic ms
    waiting: Sequence[Waiting]  # of the agent


def run(config: Config, path: Path, verbose: bool = False) -> int:
    """Serve until SIGTERM or SIGINT; the exit status. Raises Mistake for what the user can put right.

    `path` is where the configuration was, for those who ask.
    """
    started = time.perf_counter()
    journal.begin(verbose)
    bell = hang_bell()
    interface = config.front.interface
    features.require(purposes(config))
    for site in sites(config):
        tell(site)
    given = ingredients(config)  # in a checkout this may take a minute, and Ctrl-C end it
    hold_signals()
    folder = pins.folder("front", interface)
    with ExitStack() as parts:
        parts.enter_context(held(folder))
        here = start(config, folder, given, parts)
        record.write(record.place("front", folder.namespace, interface), path)
        privileges.drop()
        journal.note(
            "ready",
            interface=interface,
            mode=mode(given.places[-1]),
            hosts=len(config.hosts),
            agent_here=told(here.agent is not None),
            adopted=told(here.adopted),
            connections=here.connections,
            grace=round(max(0.0, here.grace_until / 1000 - time.monotonic()), 1),
            seconds=round(time.perf_counter() - started, 3),
        )
        daemon.tell_of_programs(here.front)
        works: list[Work] = [here.upkeep, here.marking, here.presence, *here.watches, *here.waiting]
        ended = until_ended(bell, works, here.followers)
        counts = counted(here.front.tables["counters"]) | (daemon.summary(here.agent) if here.agent else {})
    daemon.leave(interface, ended.name, f"hardtack detach --interface {interface}", counts)
    return 0


def ingredients(config: Config) -> Ingredients:
    """All of it; nothing in the kernel has been touched. Mistake for a key file, an interface that is not there."""
    masters = [read_key(file) for file in config.key_files]
    for name in (config.front.interface, *config.front.inside):
        interfaces.require_ip(name)
    for host in config.hosts:
        if host.via in ("direct", "mac"):
            interfaces.require_ethernet(config.front.interface, f'let host "{host.name}" be reached by via = "kernel"')
    places = xdp.places(config.front.interface, config.front.inside, config.leaving)
    return Ingredients(places, xdp.images(places), agent_image() if config.has_local else None, masters)


def start(config: Config, folder: Folder, given: Ingredients, parts: ExitStack) -> AtWork:
    """Have everything at work, and kept so. `parts` is given what is to be closed when the process ends."""
    earlier = succession.before(folder)
    numbers = numbered((host.name for host in config.hosts), earlier.hosts)
    here = tcp.own()
    entries = host_entries(config, numbers, here)
    front = parts.enter_context(xdp.load(folder, given.images, sizes(config, numbers), [NAMES]))
    goes_on = front.takes_over(given.places[-1])
    grace_until = succession.grace_until(config, earlier, front, entries, goes_on)
    exits = find_exits(config)
    fill(front, config, numbers, entries, grace_until)
    for key, value in device_entries(exits):
        front.tables["devices"].update(key, value)
    upkeep = Upkeep(front.tables, given.masters)
    upkeep.write()  # before a frame can ask for a key
    outside = Outside(exits[0].index, front.tables["outside"])
    next_hops = NextHops(config, exits, front.tables["next_hops"], front.tables["exits"])
    followers: list[Keeper | Locals] = [outside, next_hops]
    if config.front.inside:  # only what comes in there is compared
        followers.append(Origins(config, front.tables["origins"]))
    for follower in followers:
        parts.enter_context(follower)
        follower.write()
    agent, waiting = None, []
    if given.agent:
        shared = {name: front.tables[name] for name in ("keys", "clock")}
        agent = parts.enter_context(daemon.load(folder, given.agent, shared))
        daemon.promise(agent, config.promised_here(here).scale)
        parts.enter_context(round_lo.rounds_or_warning(config.front.interface))
        followers.append(parts.enter_context(Locals(agent.tables["locals"])))
        followers[-1].write()
        waiting = [Waiting(agent.tables["waiting"])]
    else:
        round_lo.remove(config.front.interface)
    connections = succession.take_over(front, new_to(numbers, earlier.hosts))
    if agent:  # before the first cookie goes out, somebody must know what to do with it
        agent.attach(daemon.places(config.front.interface))
    refused = front.attach(given.places)
    keep(front, agent)
    outside.write()  # now that it is known whether the driver runs the program
    tell_slow(given.places, refused)
    marking = Marking(front.tables, front.programs[SWEEPER.name])
    presence = Presence(*(part for part in (front, agent) if part))
    watching = [*watches(config, numbers, front, agent)]
    return AtWork(front, agent, upkeep, followers, marking, presence, watching, goes_on, connections, grace_until, waiting)


def sites(config: Config) -> list[Site]:
    """What is to be at work here, and where."""
    front, local = config.front, [host for host in config.hosts if host.via == "local"]
    outside = [Site("front", front.interface, ports_of(config.hosts))]
    if local:
        promised = config.promised_here(tcp.own())
        outside.append(Site("agent", front.interface, ports_of(local), frozenset(promised.options), promised.scale))
    return [*outside, *(Site("inside", name) for name in front.inside)]


def ports_of(hosts: Collection[Host]) -> frozenset[int]:
    """All that are protected; empty: every port."""
    every = any(not host.ports for host in hosts)
    return frozenset() if every else frozenset(port for host in hosts for port in host.ports or ())


def purposes(config: Config) -> list[Purpose]:
    """What the kernel must be good for. InterfaceError."""
    ethernet = all(map(interfaces.has_ethernet, (config.front.interface, *config.front.inside)))
    wanted: dict[Purpose, bool] = {"front": True, "leaving": config.leaving or not ethernet, "agent": config.has_local}
    return [purpose for purpose, needed in wanted.items() if needed]


def sizes(config: Config, numbers: Numbering) -> dict[str, int]:
    """Entries of the tables whose size the configuration says."""
    return table_sizes(config.front.connections) | {"counters": counters_for(numbers), NAMES.name: names_for(numbers)}


def fill(front: Standing, config: Config, numbers: Numbering, entries: Mapping[bytes, bytes], grace_until: int) -> None:
    """Write what the configuration says; and where connections may be, if the table is new."""
    for table, key, value in host_updates(entries):
        front.tables[table].update(key, value)
    front.tables["policy"].update(ONLY, policy_entry(config, grace_until))
    for name, number in numbers.items():
        front.tables[NAMES.name].update(key_of(number), name.encode().ljust(NAMES.value_size, b"\0"))
    if "places" not in front.adopted:
        size = config.front.connections
        front.tables["places"].update(ONLY, places_entry(buckets_for(size), marks_for(size)))


def keep(front: Standing, agent: Standing | None) -> None:
    """From here on it all goes on without this process; what nobody wants any more comes off."""
    parts = [part for part in (agent, front) if part]
    for part in parts:
        part.keep()
    tables = {path for part in parts for path in part.pinned()}
    for link in front.folder.keep(tables, {name for part in parts for name in part.links()}):
        journal.note("removed", program=link)


def mode(place: Place) -> str:
    """How the program runs there."""
    return interfaces.find(place.interface).attached if place.hook == "xdp" else "tcx"


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
        total.update(dict(enumerate(counters.totals(key_of(number)))))
    return {reason.name: total[reason] for reason in Reason if total[reason]}


def told(fact: bool) -> str:
    """As in a log line."""
    return str(fact).lower()
