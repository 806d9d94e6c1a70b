"""What a front is to be, as plain values: from the configuration and facts about this machine, what tables are to hold,
which programs there are, and where. Nothing here asks the kernel, so that two plans can be compared, or one made for show.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from hardtack.control import numbers as numbering
from hardtack.control import proven, rules
from hardtack.control.configuration.schema import Config, Host, KeyFiles
from hardtack.control.connections import table_sizes
from hardtack.control.exits import Exit
from hardtack.control.numbers import Numbering, numbered
from hardtack.control.protected import Protected, protect
from hardtack.control.rule_texts import Written, known
from hardtack.control.rules import Laid
from hardtack.control.sources import Lists, Sources, sources_of
from hardtack.diagnosis.finding import Site
from hardtack.engines import xdp
from hardtack.kernel.features import Purpose
from hardtack.kernel.standing import Place
from hardtack.kernel.tcp import Speech
from hardtack.keys import Masters
from hardtack.packet.entries import KEY_SETS
from hardtack.packet.layout import KEYS
from hardtack.packet.programs import FRONT, STEER

ROOM = 2  # times as many sets of keys as there are, so that a reload may give each host other keys

NO_LISTS: Lists = MappingProxyType({})


@dataclass(frozen=True)
class Facts:
    """What this machine is.

    `speech`: its own TCP; `exits`: interfaces that frames may leave by; `without_ethernet`: where frames begin with IP.
    """

    speech: Speech
    exits: tuple[Exit, ...] = ()
    without_ethernet: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Seats:
    """What stays from plan to plan for as long as a front runs: who is where.

    `names`: of hosts by number from 1, also of those that are no more and keep their numbers; "" is nobody's. `key_files`:
    of each set of the table `keys`, None where nobody has it. `sizes`: entries of tables. `rules`: where each is. `agent`:
    the files of the agent that is attached here, whose set is the first; None if there is none.
    """

    numbers: Numbering
    names: Sequence[str]
    key_files: Sequence[KeyFiles | None]
    sizes: Mapping[str, int]
    rules: Laid
    agent: KeyFiles | None


@dataclass(frozen=True)
class Plan:
    """A whole front.

    `masters`: the key in each key file; `lists`: the prefixes in each file of them; `sources`: what each tree of sources is
    to hold. `promised`: the window scale that the agent of this machine is told; None where it has none.
    """

    config: Config
    facts: Facts
    masters: Mapping[Path, bytes] = field(repr=False)
    seats: Seats
    protected: Protected
    lists: Lists
    sources: Sources
    places: Sequence[Place]
    promised: int | None

    @property
    def uplinks(self) -> Sequence[str]:
        """Where the internet comes in."""
        return self.config.front.uplinks

    @property
    def key_sets(self) -> list[Masters | None]:
        """The master keys of each set of `keys`."""
        masters = self.masters
        pairs = self.seats.key_files
        return [Masters(masters[one.new], masters[one.old] if one.old else None) if one else None for one in pairs]


def planned(
    config: Config,
    facts: Facts,
    masters: Mapping[Path, bytes],
    earlier: Sequence[str] = (),
    texts: Mapping[int, Written] = MappingProxyType({}),
    lists: Lists = NO_LISTS,
) -> Plan:
    """The plan of a start. `earlier`: names of hosts by number from 1, as `numbered` has them; `texts`: rules, likewise.

    BadRule.
    """
    numbers, key_files = numbered((host.name for host in config.hosts), earlier), with_sets(config.key_pairs)
    ruled = rules.ruled(config)
    laid = rules.laid(ruled, known=known(texts, earlier, rules.owned(ruled)))
    protected = protect(config, numbers, facts.speech, key_files=key_files, rules=laid.words)
    sizes = table_sizes(config.front.connections) | numbering.table_sizes(numbers, protected.sets) | rules.table_sizes(laid)
    sizes |= proven.table_sizes(config.front.sources) | {KEYS.name: len(key_files)}
    seats = Seats(numbers, called(numbers), key_files, sizes, laid, config.key_pairs[0] if config.has_agent else None)
    return completed(config, facts, masters, seats, protected, lists)


def replanned(config: Config, masters: Mapping[Path, bytes], now: Plan, lists: Lists = NO_LISTS) -> Plan:
    """The plan of a reload: whatever stays keeps its number and its place, and tables their sizes. BadRule."""
    seats, facts = now.seats, now.facts
    numbers = numbered((host.name for host in config.hosts), seats.names, seats.sizes["counters"] - 1)
    key_files = with_sets(config.key_pairs, seats.key_files)
    laid = rules.laid(rules.ruled(config), seats.rules)
    protected = protect(config, numbers, facts.speech, now.protected, key_files, laid.words)
    there = Seats(numbers, called(numbers, seats.names), key_files, seats.sizes, laid, seats.agent)
    return completed(config, facts, masters, there, protected, lists)


def completed(
    config: Config, facts: Facts, masters: Mapping[Path, bytes], seats: Seats, protected: Protected, lists: Lists
) -> Plan:
    """The whole plan, once it is known who is where."""
    promised = config.promised_here(facts.speech).scale if config.has_agent else None
    sources = sources_of(config, seats.numbers, lists)
    return Plan(config, facts, masters, seats, protected, lists, sources, places(config, facts), promised)


def called(numbers: Numbering, earlier: Sequence[str] = ()) -> list[str]:
    """Names by number from 1; of those that are no more, where nobody else has the number."""
    names = [*earlier, *[""] * (max(numbers.values()) - len(earlier))]
    for name, number in numbers.items():
        names[number - 1] = name
    return names


def with_sets(pairs: Sequence[KeyFiles], earlier: Sequence[KeyFiles | None] = ()) -> list[KeyFiles | None]:
    """The files of each set of keys; of a start, with room for as many again, and at least KEY_SETS.

    Those that stay, stay where they are; new ones come where nobody was, so that no set changes while hosts have it; then
    where nobody is any more, then behind.
    """
    wanted, before = {*pairs}, {*earlier}
    sets = [one if one in wanted else None for one in earlier]
    free = [number for number, one in enumerate(earlier) if one is None]
    free += [number for number, one in enumerate(sets) if one is None and earlier[number] is not None]
    if not earlier:
        sets = [None] * max(KEY_SETS, 1 << (ROOM * len(pairs) - 1).bit_length())
        free = [*range(len(sets))]
    new = [one for one in pairs if one not in before]
    sets += [None] * (len(new) - len(free))
    for number, one in zip([*free, *range(len(earlier), len(sets))], new, strict=False):
        sets[number] = one
    return sets


def places(config: Config, facts: Facts) -> list[Place]:
    """Where programs are to be."""
    front, first = config.front, STEER if config.front.engine == "af_xdp" else FRONT
    return xdp.places(front.uplinks, front.inside, config.leaving, facts.without_ethernet, first)


def sites(config: Config, speech: Speech) -> list[Site]:
    """What is to be at work here, and where, for those who look what stands in the way."""
    front, local = config.front, [host for host in config.hosts if host.has_agent_here]
    cookies = [host for host in config.hosts if host.handshake == "agent"]
    outside = [Site("front", name, ports_of(cookies), cookies=bool(cookies)) for name in front.uplinks]
    if local:
        promised = config.promised_here(speech)
        options, scale = frozenset(promised.options), promised.scale
        outside += [Site("agent", name, ports_of(local), options, scale) for name in front.uplinks]
    return [*outside, *(Site("inside", name) for name in front.inside)]


def ports_of(hosts: Collection[Host]) -> frozenset[int]:
    """All that are protected; empty: every port."""
    every = any(not host.ports for host in hosts)
    some = {host.ports for host in hosts if host.ports}
    return frozenset() if every else frozenset(port for ports in some for port in ports)


def purposes(config: Config, facts: Facts) -> list[Purpose]:
    """What the kernel must be good for."""
    tcx = config.leaving or bool(facts.without_ethernet)
    wanted: dict[Purpose, bool] = {"front": True, "leaving": tcx, "agent": config.has_agent}
    return [purpose for purpose, needed in wanted.items() if needed]
