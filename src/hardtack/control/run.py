"""`hardtack front`: the process. What is to be is planned, put to work, and kept so until a signal ends it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from hardtack import journal
from hardtack.agent import daemon, record
from hardtack.agent.hold import held
from hardtack.agent.image import agent_image
from hardtack.agent.upkeep import Work, hang_bell, hold_signals, until_ended
from hardtack.control import apply, succession
from hardtack.control.apply import AtWork, Ingredients
from hardtack.control.configuration.schema import Config
from hardtack.control.pinned import key_of
from hardtack.control.plan import Facts, places, planned, purposes, sites
from hardtack.diagnosis.telling import tell
from hardtack.engines import xdp
from hardtack.kernel import features, interfaces, pins, privileges, tcp
from hardtack.kernel.maps import Map
from hardtack.keys import read_key
from hardtack.packet.entries import frames_of
from hardtack.packet.reasons import Reason


def run(config: Config, path: Path, verbose: bool = False) -> int:
    """Serve until SIGTERM or SIGINT; the exit status. Raises Mistake for what the user can put right.

    `path` is where the configuration was, for those who ask.
    """
    started = time.perf_counter()
    journal.begin(verbose)
    bell = hang_bell()
    facts = facts_for(config)
    features.require(purposes(config, facts))
    for site in sites(config, facts):
        tell(site)
    given = ingredients(config, facts)  # in a checkout this may take a minute, and Ctrl-C end it
    hold_signals()
    interface = config.front.interface
    folder = pins.folder("front", interface)
    with ExitStack() as parts:
        parts.enter_context(held(folder))
        earlier = succession.before(folder)
        here = apply.start(planned(config, facts, earlier.hosts), earlier, folder, given, parts)
        record.write(record.place("front", folder.namespace, interface), [interface], path)
        privileges.drop()
        tell_ready(here, time.perf_counter() - started)
        ended = until_ended(bell, works(here), here.followers)
        counts = counted(here.front.tables["counters"]) | (daemon.summary(here.agent) if here.agent else {})
    daemon.leave(interface, ended.name, f"hardtack detach --interface {interface}", counts)
    return 0


def facts_for(config: Config) -> Facts:
    """What this machine is to a front of this configuration. InterfaceError."""
    named = (config.front.interface, *config.front.inside)
    return Facts(tcp.own(), frozenset(name for name in named if not interfaces.has_ethernet(name)))


def ingredients(config: Config, facts: Facts) -> Ingredients:
    """All that a start takes; nothing in the kernel has been touched. Mistake for a key file, for an interface."""
    masters = [read_key(file) for file in config.key_files]
    for name in (config.front.interface, *config.front.inside):
        interfaces.require_ip(name)
    for host in config.hosts:
        if host.via in ("direct", "mac"):
            interfaces.require_ethernet(config.front.interface, f'let host "{host.name}" be reached by via = "kernel"')
    return Ingredients(xdp.images(places(config, facts)), agent_image() if config.has_local else None, masters)


def works(here: AtWork) -> Sequence[Work]:
    """What is to be done every second."""
    return [here.upkeep, here.marking, here.presence, *here.watches, *here.waiting]


def tell_ready(here: AtWork, seconds: float) -> None:
    """The line that says that the front protects, and for those who ask what the verifier had to do."""
    journal.note(
        "ready",
        interface=here.plan.interface,
        mode=apply.mode(here.plan.places[-1]),
        hosts=len(here.plan.config.hosts),
        agent_here=told(here.agent is not None),
        adopted=told(here.adopted),
        connections=here.connections,
        grace=round(max(0.0, here.grace_until / 1000 - time.monotonic()), 1),
        seconds=round(seconds, 3),
    )
    daemon.tell_of_programs(here.front)


def counted(counters: Map) -> dict[str, int]:
    """Frames by reason, of all hosts together, without those that no frame has had."""
    total = Counter[int]()
    for number in range(counters.table.entries):
        total.update(dict(enumerate(frames_of(counters.totals(key_of(number))))))
    return {reason.name: total[reason] for reason in Reason if total[reason]}


def told(fact: bool) -> str:
    """As in a log line."""
    return str(fact).lower()
