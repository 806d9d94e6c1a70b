"""A plan in the place of the one at work, while frames come: what differs is written, each step sound by itself.

What a host needs is there before the host is: its keys, its counters, the way to it. What only a host has needed goes after
the host. Nothing here can fail for a plan that `restarts` has found nothing in; were the process killed in the middle, each
table would be whole, and the next start writes all of them.
"""

from __future__ import annotations

import math
import time

from hardtack.agent import daemon
from hardtack.control import succession, watches
from hardtack.control.apply import AtWork, fill_graces
from hardtack.control.coverage import inherited
from hardtack.control.graces import wider
from hardtack.control.listed import LISTED, fill_listed
from hardtack.control.numbers import new_to
from hardtack.control.pinned import NAMES, key_of, name_entry
from hardtack.control.plan import Plan
from hardtack.control.protected import fill_protected
from hardtack.control.rule_texts import RULE_TEXTS, fill_texts
from hardtack.control.rules import Laid, fill_rules
from hardtack.control.tables import policy_entry
from hardtack.image import ONLY
from hardtack.kernel import grace
from hardtack.packet.rule_tables import RULE_PROGRAMS


def publish(here: AtWork, then: Plan) -> None:
    """Have it at work. TableFull, and nothing is changed; BpfError if the kernel refuses a write."""
    now = here.plan
    other_hosts = then.config.hosts != now.config.hosts or then.protected != now.protected  # the latter by keys or rules
    with here.trees.together():  # may fail, so it is worked out first; it is seen last, when all that it leads to is there
        here.roots.publish(then.sources, then.seats.numbers.values())
        if other_hosts:
            here.followers.learning.configure(then.config, then.protected)
        here.upkeep.change(then.key_sets)
        publish_numbers(here, now, then)
        if here.agent and then.promised is not None and then.promised != now.promised:
            daemon.promise(here.agent, then.promised)
        publish_rules(here, now.seats.rules, then)
        publish_policy(here, now, then)
        if other_hosts:
            publish_hosts(here, now, then)
    watches.configure(here.watches, then.config, then.seats.numbers)
    if other_hosts:
        here.handovers.configure(then.config, then.seats.numbers)
    if (now.seats.rules.slots, now.seats.rules.bases) != (then.seats.rules.slots, then.seats.rules.bases):
        here.rules_changed = time.monotonic()
    here.plan = then


def publish_hosts(here: AtWork, now: Plan, then: Plan) -> None:
    """Records, and ways to them, before what leads there from an address."""
    tables = here.front.tables
    here.attacks.configure(then.config, then.seats.numbers, new_to(then.seats.numbers, now.seats.names))
    here.handshakes.configure(then.config, then.seats.numbers, here.attacks.protected())
    fill_protected(tables, then.protected, now.protected)
    for follower in (here.followers.next_hops, here.followers.origins):
        if follower:
            follower.configure(then.config, then.protected.places)
            follower.write()
    fill_listed(tables[LISTED.name], then.protected, now.protected)


def publish_numbers(here: AtWork, now: Plan, then: Plan) -> None:
    """Names of hosts that come, and are no more; of a number that was another's, nothing stays."""
    names, fresh = here.front.tables[NAMES.name], new_to(then.seats.numbers, now.seats.names)
    if fresh:
        succession.forget_numbers(here.front, fresh)
    for number, name in enumerate(then.seats.names, 1):
        at_work = name in then.seats.numbers
        if number in fresh or at_work != (name in now.seats.numbers):
            names.update(key_of(number), name_entry(name, at_work))


def settle(here: AtWork) -> None:
    """Before anything that the last reload has left is used again: no frame is on its way there any more."""
    if time.monotonic() - here.rules_changed < grace.LONG:
        here.crew.wait()
        here.rules_changed = -math.inf


def publish_rules(here: AtWork, now: Laid, then: Plan) -> None:
    """What rules do, before hosts lead there; a number that another rule had, or nobody, begins at 0."""
    settle(here)
    tables, laid = here.front.tables, then.seats.rules
    fresh = {number for owned, number in laid.numbers.items() if now.numbers.get(owned) != number}
    for name in ("rule_counters", "rule_buckets"):
        for number in fresh:
            tables[name].update(key_of(number), bytes(tables[name].table.value_size))
    fill_rules(tables["rules"], laid)
    unload(here, {*now.slots.values()}, {*laid.slots.values()})
    fill_texts(tables[RULE_TEXTS.name], laid, then.seats.numbers, now.numbers.values())


def unload(here: AtWork, now: set[int], then: set[int]) -> None:
    """Rule programs that nobody has needed since the reload before this one: no frame is on its way there any more."""
    for table in (table for name, table in here.front.tables.items() if name.startswith(RULE_PROGRAMS.name)):
        for place in here.retired - then:
            table.delete(key_of(place))
    here.retired = now - then


def publish_policy(here: AtWork, now: Plan, then: Plan) -> None:
    """Limits; and, for whatever network is protected from more than before, a grace period of its own.

    Others' doors stay closed. Who is put back after a while has had connections made past the front meanwhile: the same.
    """
    seconds, more = then.config.front.grace, wider(now, then)
    until = time.monotonic_ns() // 1_000_000 + seconds * 1000 if seconds else 0
    graces = inherited(here.graces, then.protected.owners, 0)
    graces |= {network: max(until, graces[network]) for network in more}
    moved = now.protected.places != then.protected.places
    fill_graces(here.front, then, {one: end for one, end in graces.items() if moved or here.graces.get(one) != end})
    here.graces = graces
    entry = policy_entry(then.config, max(graces.values()))
    if entry != here.front.tables["policy"].lookup(ONLY):
        here.front.tables["policy"].update(ONLY, entry)
