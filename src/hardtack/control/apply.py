"""A plan put to work: tables filled, programs on interfaces or in the place of those there. Only this touches the kernel."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hardtack import journal
from hardtack.agent import daemon, round_lo
from hardtack.agent.locals import Locals
from hardtack.agent.presence import Presence
from hardtack.agent.upkeep import Upkeep
from hardtack.agent.waiting import Waiting
from hardtack.agent.watch import Watch
from hardtack.control import proven, succession, switching_on, watches
from hardtack.control.attacks.entry import ATTACKS
from hardtack.control.attacks.watching import Attacks
from hardtack.control.connections import buckets_for, marks_for, places_entry
from hardtack.control.coverage import Network
from hardtack.control.crew import Crew
from hardtack.control.fading import Fading
from hardtack.control.following import Keeper
from hardtack.control.handovers.failures import FAILURES, Failure
from hardtack.control.handovers.watching import Handovers
from hardtack.control.handshakes import Handshakes
from hardtack.control.learned import LEARNED_BYTES, Records
from hardtack.control.learning import Learning
from hardtack.control.listed import LISTED, fill_listed
from hardtack.control.marking import Marking
from hardtack.control.networks.trees import Trees
from hardtack.control.next_hops import NextHops
from hardtack.control.numbers import new_to
from hardtack.control.origins import Origins
from hardtack.control.outside import Outside
from hardtack.control.pinned import NAMES, key_of, name_entry
from hardtack.control.plan import Plan
from hardtack.control.protected import NetColumn, content, fill_protected
from hardtack.control.reloads import RELOADS
from hardtack.control.report.begin import reporting
from hardtack.control.report.reports import Reports
from hardtack.control.rule_texts import RULE_TEXTS, fill_texts
from hardtack.control.rules import fill_rules
from hardtack.control.sources import Roots, planted
from hardtack.control.succession import Before
from hardtack.control.switching_on import Asking
from hardtack.control.tables import device_entries, policy_entry
from hardtack.control.taps import Ended
from hardtack.control.wanted import Notes
from hardtack.control.workers import join
from hardtack.engines import xdp
from hardtack.image import ONLY, Image
from hardtack.kernel import interfaces
from hardtack.kernel.pins import Folder
from hardtack.kernel.standing import Place, Standing
from hardtack.packet.layout import NETWORKS
from hardtack.packet.programs import SWEEPER

if TYPE_CHECKING:
    from hardtack.engines.af_xdp import Wanted


@dataclass(frozen=True)
class Ingredients:
    """What a front is made of besides its plan: programs, the agent's where this machine has one, rule programs.

    `failing`: hosts that do not take hand-overs, by name; waits until they have been asked. `workers`: of the af_xdp engine.
    """

    images: Sequence[Image]
    agent: Image | None
    jumps: Mapping[str, Mapping[int, Image]]
    failing: Callable[[], Mapping[str, Failure]]
    workers: Wanted | None = None


@dataclass
class AtWork:
    """A front that protects, by `plan`. `agent`: None where this machine has none; `adopted`: it took over."""

    plan: Plan
    front: Standing
    crew: Crew
    agent: Standing | None
    upkeep: Upkeep
    followers: Followers
    marking: Marking
    presence: Presence
    watches: Sequence[Watch]
    adopted: bool
    connections: int
    graces: Mapping[Network, int]  # until when the door stands open: monotonic ms
    waiting: Sequence[Waiting]  # of the agent
    trees: Trees  # that of destinations is the first
    roots: Roots  # the trees of sources
    handshakes: Handshakes
    fading: Fading
    attacks: Attacks
    handovers: Handovers
    taps: Ended
    reports: Reports | None
    retired: set[int] = field(default_factory=set)  # places of rule programs that the last reload has left
    rules_changed: float = -math.inf  # when one has changed where rules are: monotonic s


@dataclass(frozen=True)
class Followers:
    """Who keep what no plan can know. `origins`: only where `inside` interfaces are, `local`: only where an agent is."""

    outside: Outside
    next_hops: NextHops
    learning: Learning
    origins: Origins | None
    local: Locals | None

    def all(self) -> list[Keeper | Locals]:
        """Those that there are."""
        return [one for one in (self.outside, self.next_hops, self.learning, self.origins, self.local) if one]


def start(plan: Plan, earlier: Before, folder: Folder, given: Ingredients, parts: ExitStack) -> AtWork:
    """Have everything at work, and kept so. `parts` is given what is to be closed when the process ends."""
    draft = Trees.draft()
    draft.new(content(plan.protected))
    roots = planted(draft, plan.sources)
    sizes = {**plan.seats.sizes, NETWORKS.name: draft.wanted(LEARNED_BYTES)}
    before = folder.interfaces
    crew = Crew(given.workers)
    tables, kept = [NAMES, LISTED, RELOADS, RULE_TEXTS, ATTACKS, FAILURES, *crew.tables(sizes)], [ATTACKS.name, *crew.kept]
    front = parts.enter_context(xdp.load(folder, given.images, sizes, tables, given.jumps, kept=kept))
    join(front.tables)
    goes_on = all(front.takes_over(place) for place in plan.places if place.answers)
    rules = plan.seats.rules.numbers.values()
    grace_until = succession.grace_until(plan.config, earlier, front, plan.protected, goes_on, rules)
    fill(front, plan, grace_until)
    trees = draft.moved(front.tables[NETWORKS.name].memory(), crew.wait)
    sources = Roots(trees, roots, front.tables["hosts"].memory())
    sources.write(plan.seats.numbers.values())
    handshakes = Handshakes(front.tables["hosts"].memory())
    attacks = Attacks(front, handshakes)
    fresh = new_to(plan.seats.numbers, earlier.hosts)
    attacks.configure(plan.config, plan.seats.numbers, fresh)
    handshakes.configure(plan.config, plan.seats.numbers, attacks.protected())
    upkeep = Upkeep(front.tables, plan.key_sets)
    upkeep.write()  # before a frame can ask for a key
    agent = start_agent(plan, front, given.agent, parts) if given.agent else None
    followers = started_followers(plan, front, agent, trees, parts)
    waiting = [Waiting(agent.tables["waiting"])] if agent else []
    graces = dict.fromkeys(plan.protected.owners, grace_until)
    fresh_rules = {*plan.seats.rules.numbers.values()} - earlier.rules.keys()
    connections = succession.take_over(front, fresh, fresh_rules)
    handovers = Handovers(front.tables, handshakes, plan.config, plan.seats.numbers, given.failing())
    if agent:  # before the first cookie goes out, somebody must know what to do with it
        agent.attach(daemon.places(plan.uplinks))
    crew.begin(front.tables, parts)
    refused = front.attach(plan.places)
    keep(front, agent)
    if grace_until not in (0, earlier.grace_until):  # one begins
        switching_on.bring(front.tables, Asking.of(plan.config)).tell()
    for name in {*before, *plan.uplinks}.difference(plan.uplinks if agent else ()):
        round_lo.remove(name)
    followers.outside.write()  # now that it is known whether the driver runs the program
    tell_slow(plan.places, refused)
    marking = Marking(front.tables, front.programs[SWEEPER.name])
    presence = Presence(*(part for part in (front, agent) if part))
    watching = [*watches.watches(plan.config, plan.seats.numbers, front, agent)]
    return AtWork(
        *(plan, front, crew, agent, upkeep, followers, marking, presence, watching, goes_on, connections, graces, waiting),
        trees=trees,
        roots=sources,
        handshakes=handshakes,
        fading=Fading(front.tables),
        attacks=attacks,
        handovers=handovers,
        taps=Ended(front.tables),
        reports=reporting(attacks, front.tables, plan.uplinks, parts),
    )


def start_agent(plan: Plan, front: Standing, image: Image, parts: ExitStack) -> Standing:
    """The agent of this machine, with the front's keys and clock; not attached yet."""
    shared = {name: front.tables[name] for name in ("keys", "clock")}
    agent = parts.enter_context(daemon.load(front.folder, image, shared))
    if plan.promised is not None:
        daemon.promise(agent, plan.promised)
    for name in plan.uplinks:
        parts.enter_context(round_lo.rounds_or_warning(name))
    return agent


def started_followers(
    plan: Plan, front: Standing, agent: Standing | None, trees: Trees, parts: ExitStack
) -> Followers:
    """At work, and their tables filled."""
    tables, exits, places = front.tables, plan.facts.exits, plan.protected.places
    records = Records(tables["nets"], trees, known_by=bool(plan.config.front.inside))
    followers = Followers(
        Outside({number: one.index for number, one in enumerate(exits) if one.uplink}, tables["outside"]),
        NextHops(plan.config, places, exits, NetColumn(tables["nets"], "next_hop"), tables["exits"]),
        Learning(plan.config, plan.protected, exits, records, Notes(tables["wanted"])),
        Origins(plan.config, places, NetColumn(tables["nets"], "origin")) if plan.config.front.inside else None,
        Locals(agent.tables["locals"]) if agent else None,
    )
    for follower in followers.all():
        parts.enter_context(follower)
        follower.write()
    return followers


def fill(front: Standing, plan: Plan, grace_until: int) -> None:
    """Write what the plan says; and where connections may be, if the table is new."""
    tables = front.tables
    fill_rules(tables["rules"], plan.seats.rules)
    fill_texts(tables[RULE_TEXTS.name], plan.seats.rules, plan.seats.numbers)
    fill_protected(tables, plan.protected)
    fill_graces(front, plan, dict.fromkeys(plan.protected.owners, grace_until))
    fill_listed(tables[LISTED.name], plan.protected)
    tables["policy"].update(ONLY, policy_entry(plan.config, grace_until))
    for name, number in plan.seats.numbers.items():
        tables[NAMES.name].update(key_of(number), name_entry(name))
    for key, value in device_entries(plan.facts.exits):
        tables["devices"].update(key, value)
    if "places" not in front.adopted:
        size = plan.config.front.connections
        tables["places"].update(ONLY, places_entry(buckets_for(size), marks_for(size)))
    if "proven_places" not in front.adopted:
        tables["proven_places"].update(ONLY, proven.places_entry(proven.buckets_for(plan.config.front.sources)))


def fill_graces(front: Standing, plan: Plan, graces: Mapping[Network, int]) -> None:
    """Until when each network's door stands open."""
    column = NetColumn(front.tables["nets"], "grace_until")
    for network, until in graces.items():
        column.update(plan.protected.places[network].to_bytes(4, "little"), until.to_bytes(8, "little"))


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
            why = "the program runs in generic XDP mode, not in the driver"
            driver = {"driver": refused[place.link]} if place.link in refused else {}
            journal.note("slow", logging.WARNING, interface=place.interface, why=why, **driver)
