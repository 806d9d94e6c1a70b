"""`hardtack front`: the process. What is to be is planned, put to work, and kept so until a signal ends it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from hardtack import journal, notify
from hardtack.agent import daemon, record
from hardtack.agent.hold import Hold, socket_path
from hardtack.agent.image import agent_image
from hardtack.agent.upkeep import Work, hang_bell, hold_signals, until_ended
from hardtack.control import apply, crew, preflight, rule_loads, rules, succession
from hardtack.control.adoption import adopted
from hardtack.control.apply import AtWork, Ingredients
from hardtack.control.attacks.asked import protect
from hardtack.control.configuration.reading import Loaded
from hardtack.control.configuration.schema import Config
from hardtack.control.events.delivery import Delivery, sinks_of
from hardtack.control.exits import find_exits
from hardtack.control.handovers.asking import Asking
from hardtack.control.handovers.failures import Failure
from hardtack.control.helper import process
from hardtack.control.helper.reading import keys_of
from hardtack.control.metrics import exporting
from hardtack.control.plan import Facts, Plan, places, planned, purposes
from hardtack.control.reception import Reception, Verb
from hardtack.control.reloading import Reloading
from hardtack.control.report.begin import report
from hardtack.control.rule_mistakes import named
from hardtack.control.succession import Before
from hardtack.control.totals import totals
from hardtack.engines import xdp
from hardtack.kernel import features, interfaces, privileges, tcp
from hardtack.kernel.maps import Map
from hardtack.kernel.pins import Folder
from hardtack.kernel.programs import VerifierRefusal
from hardtack.packet.entries import frames_of
from hardtack.packet.reasons import Reason


def run(found: Loaded, path: Path, verbose: bool = False, log_format: str = "") -> int:
    """Serve until SIGTERM or SIGINT; the exit status. Raises Mistake for what the user can put right.

    `path` is where the configuration was found.
    """
    started = time.perf_counter()
    journal.begin(verbose, log_format)
    with Delivery(",".join(found.config.front.uplinks)) as events:
        serve(found, path, started, events)
    return 0


def serve(found: Loaded, path: Path, started: float, events: Delivery) -> None:
    """All of it, and the last line. `started`: when, by time.perf_counter."""
    config = found.config
    uplinks = config.front.uplinks
    with named(found), ExitStack() as parts:
        helper = parts.enter_context(process.started(path.absolute(), found))  # before there are threads
        exporter = parts.enter_context(exporting.started(config.metrics))  # likewise, and before there are keys
        bell = hang_bell()
        preflight.require(config)
        facts, masters = facts_for(config), keys_of(config)
        features.require(purposes(config, facts))
        preflight.warn_of_all(config)
        events.have(sinks_of(config.events))
        asking = Asking(config, masters)
        given = ingredients(config, facts, asking.found)  # in a checkout this may take a minute, and Ctrl-C end it
        hold_signals()
        hold = parts.enter_context(Hold("front", uplinks))
        exporter.listen(config.metrics)
        folder = adopted(uplinks, hold)
        dropped = [name for name in folder.interfaces if name not in uplinks]
        earlier = succession.before(folder)
        plan = planned(config, facts, masters, earlier.hosts, earlier.rules, found.lists)
        here = at_work(plan, earlier, folder, given, parts)
        reloading = parts.enter_context(Reloading(here, helper))
        reception = parts.enter_context(receiving(folder, reloading, here))
        exporter.begin(here)
        hold.pin(folder)
        record.write(record.place("front", folder.namespace, folder.interface), uplinks, path)
        hold.let_go(dropped)
        lasting = daemon.warn_unless_lasting()
        privileges.drop()
        events.start()
        tell_ready(here, time.perf_counter() - started)
        listeners = [*here.followers.all(), reloading, reception]
        ended = until_ended(bell, [*works(here), exporter], listeners, lambda: reloading.ask("SIGHUP"))
        counts = counted(here.front.tables["counters"]) | (daemon.summary(here.agent) if here.agent else {})
    daemon.leave(",".join(uplinks), ended.name, f"hardtack detach --interface {uplinks[0]}", counts, lasting)


def receiving(folder: Folder, reloading: Reloading, here: AtWork) -> Reception:
    """The control socket, at work."""
    facts = {"interface": folder.interface, "namespace": folder.namespace}
    reloads = {"reload": commanded(reloading), "diff": commanded(reloading, only_show=True)}
    verbs = {**reloads, "protect": protect(here.attacks), "report": report(here.reports)}
    return Reception(socket_path(folder), facts, verbs)


def commanded(reloading: Reloading, only_show: bool = False) -> Verb:
    """A reload that is asked for by a command."""
    return lambda _, answer: reloading.ask("command", lambda result: answer(result.told()), only_show)


def facts_for(config: Config) -> Facts:
    """What this machine is to a front of this configuration. InterfaceError."""
    named = (*config.front.uplinks, *config.front.inside)
    for name in named:
        interfaces.require_ip(name)
    without = frozenset(name for name in named if not interfaces.has_ethernet(name))
    return Facts(tcp.own(), find_exits(config), without)


def ingredients(config: Config, facts: Facts, failing: Callable[[], Mapping[str, Failure]]) -> Ingredients:
    """All that a start takes; nothing in the kernel has been touched. Mistake for an interface."""
    for host in config.hosts:
        for name in config.front.uplinks if host.via in ("direct", "mac") else ():
            interfaces.require_ethernet(name, f'write via = "kernel" for host "{host.name}"')
    where = places(config, facts)
    workers = crew.wanted(config, facts.exits)
    jumps = rule_loads.jumps(rules.laid(rules.ruled(config)), where) | (crew.jumps() if workers else {})
    xdp.seeder()  # compiled, if it was not yet
    return Ingredients(xdp.images(where), agent_image() if config.has_agent else None, jumps, failing, workers)


def at_work(plan: Plan, earlier: Before, folder: Folder, given: Ingredients, parts: ExitStack) -> AtWork:
    """The plan at work. BadRule if the kernel refuses a rule; Mistake."""
    try:
        return apply.start(plan, earlier, folder, given, parts)
    except VerifierRefusal as refusal:
        raise (rule_loads.refused(plan.seats.rules, plan.places, refusal) or refusal) from None


def works(here: AtWork) -> Sequence[Work]:
    """What is to be done every second."""
    ours = here.upkeep, here.crew, here.handovers, here.attacks, here.marking, here.fading, here.presence, here.taps
    reports = [here.reports] if here.reports else []
    return [*ours, *reports, *here.watches, *here.waiting]


def tell_ready(here: AtWork, seconds: float) -> None:
    """The line that says that the front protects, and for those who ask what the verifier had to do."""
    journal.note(
        "ready",
        interface=",".join(here.plan.uplinks),
        mode=",".join(apply.mode(place) for place in here.plan.places if place.answers),
        hosts=len(here.plan.config.hosts),
        agent_here=told(here.agent is not None),
        adopted=told(here.adopted),
        connections=here.connections,
        grace=round(max(0.0, max(here.graces.values()) / 1000 - time.monotonic()), 1),
        seconds=round(seconds, 3),
        **here.crew.told(),
    )
    notify.ready(f"protecting {len(here.plan.config.hosts)} hosts on {', '.join(here.plan.uplinks)}")
    daemon.tell_of_programs(here.front)


def counted(counters: Map) -> dict[str, int]:
    """Frames by reason, of all hosts together, without those that no frame has had."""
    total = frames_of(totals(counters).sum(axis=0).tolist())
    return {reason.name: total[reason] for reason in Reason if reason < len(total) and total[reason]}


def told(fact: bool) -> str:
    """As in a log line."""
    return str(fact).lower()
