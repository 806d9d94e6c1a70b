"""Rules -> programs and records: which program each host's frames go through, and what each rule does. Pure.

Equal lists of expressions share a program, equal lists of rules their records as well. What is already there keeps its
place, so that a change is little: see `Laid`. A rule has a number, by which it is counted, while its owner and text live.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from hardtack.control.configuration.rules import Rule, parse
from hardtack.control.configuration.schema import Config, Host
from hardtack.control.numbers import EVERYBODY, assigned
from hardtack.kernel.maps import Map
from hardtack.mistake import Mistake
from hardtack.packet.rule_tables import (
    AFTER_RULES,
    ANY_PORT,
    BASE_SHIFT,
    COUNT,
    DEFAULT,
    DROP_IT,
    DRY_RUN,
    FEWEST_RULES,
    HAS_RULES,
    LIMIT,
    MOST_PROGRAMS,
    MOST_RULE_RECORDS,
    NOTHING,
    PASS_ON,
    PROTECT,
)
from hardtack.packet.rule_tables import Rule as Record

PROTECTING = "protect = "  # how what `protect` says begins, as a rule's text
ACTIONS = {"pass": PASS_ON, "drop": DROP_IT, "limit": LIMIT, "count": COUNT, "protect": PROTECT}
SECOND = 1_000_000_000  # ns
DRAWS = 1000  # in a second, from the bucket of a fast rule
MOST_LISTS = 1024  # different lists of expressions
MOST_NUMBERED = 1 << 16
SHARE = "move rules that several hosts share to [front]"

Owned = tuple[str, str]  # a rule's owner, a host's name or EVERYBODY, and its text
Expressions = tuple[str, ...]


class BadRule(Mistake):
    """One that reads well and cannot be. `text`: which, of its owner's; "": all of them. `why` follows what was found."""

    status = 2

    def __init__(self, owner: str, text: str, why: str) -> None:
        self.owner, self.text, self.why = owner, text, why
        super().__init__(f"{text or 'rules'} of {owner or '[front]'}, {why}")


@dataclass(frozen=True)
class Line:
    """An expression in a list, and the rule that it stands for. `last`: it is the host's `protect`, not one of its rules."""

    rule: Rule
    owned: Owned
    last: bool = False


@dataclass(frozen=True)
class Ruling:
    """What frames of some hosts meet: `lines` in order; where none matches, as without rules, or as the host's `default`."""

    lines: tuple[Line, ...]
    by_default: bool = False

    @property
    def expressions(self) -> Expressions:
        """What is matched: the first program that there may be of it."""
        return tuple(line.rule.expression for line in self.lines)

    @property
    def protects(self) -> bool:
        """Whether TCP of any port may go to the handshake."""
        return any(line.rule.action in ("protect", "limit") for line in self.lines)

    @property
    def records(self) -> int:
        """How many it takes."""
        return len(self.lines) + 1


@dataclass(frozen=True)
class Laid:
    """Where everything is.

    `numbers`: of rules, from 1; `slots`: of lists of expressions in the table of programs; `bases`: of lists of rules in the
    table of records; `words`: Host.rules, by the host's name, of those that have any.
    """

    numbers: Mapping[Owned, int] = field(default_factory=dict)
    slots: Mapping[Expressions, int] = field(default_factory=dict)
    bases: Mapping[Ruling, int] = field(default_factory=dict)
    words: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Ruled:
    """What holds for a host."""

    ruling: Ruling
    dry_run: bool = False


def ruled(config: Config) -> dict[str, Ruled]:
    """What holds for each host of a configuration, by name."""
    common = tuple(Line(parse(text), (EVERYBODY, text)) for text in config.front.rules)
    without = {dry: Ruled(Ruling(common), dry) for dry in (False, True)}  # many are alike
    return {
        host.name: Ruled(ruling_of(common, host), host.dry_run)
        if host.rules or host.protect is not None
        else without[host.dry_run]
        for host in config.hosts
    }


def ruling_of(common: Sequence[Line], host: Host) -> Ruling:
    """What the frames of a host meet: the rules of all, its own, what is protected."""
    own = [Line(parse(text), (host.name, text)) for text in host.rules]
    if host.protect is None:
        return Ruling((*common, *own))
    return Ruling((*common, *own, protecting(host.name, host.protect)), True)


def protecting(owner: str, expression: str) -> Line:
    """What `protect` says, as a rule."""
    text = protection(expression)
    return Line(Rule(text, "protect", " ".join(expression.split())), (owner, text), last=True)


def protection(expression: str) -> str:
    """Its text, which no rule can have."""
    return f'{PROTECTING}"{expression}"'


def keeps_out(text: str) -> bool:
    """Whether what a rule of this text says may have kept connections from being judged: nobody has seen them begin."""
    return text.startswith(PROTECTING) or text.split(None, 1)[:1] == ["pass"]


NO_RULES = Laid()


def owned(hosts: Mapping[str, Ruled]) -> list[Owned]:
    """Every rule of these hosts, once."""
    rulings = {id(host.ruling): host.ruling for host in hosts.values()}  # many hosts have the same
    return list(dict.fromkeys(line.owned for ruling in rulings.values() for line in ruling.lines))


def laid(hosts: Mapping[str, Ruled], earlier: Laid = NO_RULES, known: Mapping[Owned, int] | None = None) -> Laid:
    """Where the rules of these hosts are; what `earlier` has stays where it is.

    `known`: numbers of rules from before, which nobody else is given as long as there are others. BadRule.
    """
    wanted: dict[Ruling, str] = {}  # and whose it is first
    lists: dict[Expressions, str] = {}
    seen: set[int] = set()  # many hosts have the same
    for name, host in hosts.items():
        if id(host.ruling) in seen:
            continue
        seen.add(id(host.ruling))
        for ruling in with_rest(host.ruling):
            if ruling.lines:
                wanted.setdefault(ruling, name)
                lists.setdefault(ruling.expressions, name)
    if len(lists) > MOST_LISTS:
        why = f"list number {MOST_LISTS + 1:,} of different expressions; the limit is {MOST_LISTS:,}: {SHARE}"
        raise BadRule([*lists.values()][MOST_LISTS], "", why)
    everyone = owned(hosts)
    if len(everyone) >= MOST_NUMBERED:
        why = f"rule number {MOST_NUMBERED:,} of all hosts; the limit is {MOST_NUMBERED - 1:,}: {SHARE}"
        raise BadRule(*everyone[MOST_NUMBERED - 1], why)
    numbers = assigned(everyone, {**(known or {}), **earlier.numbers}, MOST_NUMBERED - 1)
    slots = assigned(lists, earlier.slots, MOST_PROGRAMS - 1)
    bases = placed(wanted, earlier.bases)
    kinds = {(id(host.ruling), host.dry_run): host for host in hosts.values()}
    each = {kind: word_of(host, slots, bases) for kind, host in kinds.items()}
    words = {name: each[id(host.ruling), host.dry_run] for name, host in hosts.items()}
    return Laid(numbers, slots, bases, {name: word for name, word in words.items() if word})


def rest_of(ruling: Ruling) -> Ruling:
    """What judges a frame that a rule has only counted: as if there were no rules, but for `protect`."""
    return Ruling(tuple(line for line in ruling.lines if line.last), ruling.by_default)


def with_rest(ruling: Ruling) -> Iterator[Ruling]:
    """A list, and what it leads to."""
    yield ruling
    yield rest_of(ruling)


def word_of(host: Ruled, slots: Mapping[Expressions, int], bases: Mapping[Ruling, int]) -> int:
    """Host.rules. A host without rules has a word only in a dry run: straight to the second program, and no record."""
    dry = DRY_RUN if host.dry_run else 0
    if not host.ruling.lines:
        return HAS_RULES | dry | AFTER_RULES if dry else 0
    return place_of(host.ruling, slots, bases) | dry


def place_of(ruling: Ruling, slots: Mapping[Expressions, int], bases: Mapping[Ruling, int]) -> int:
    """The same of a list."""
    any_port = ANY_PORT if ruling.protects else 0
    return HAS_RULES | any_port | slots[ruling.expressions] | bases[ruling] << BASE_SHIFT


def placed(wanted: Mapping[Ruling, str], had: Mapping[Ruling, int]) -> dict[Ruling, int]:
    """Where each list's records begin: where they did, or in the first gap that has room. BadRule."""
    found = {ruling: had[ruling] for ruling in wanted if ruling in had}
    gaps, first = gaps_between(had), Counter[int]()  # of a size: the first gap that may still hold it
    for ruling, owner in wanted.items():
        if ruling in found:
            continue
        size, number = ruling.records, first[ruling.records]
        while number < len(gaps) and gaps[number][1] - gaps[number][0] < size:
            number += 1
        if number == len(gaps):
            why = f"which make more than {MOST_RULE_RECORDS:,} for all hosts, the limit: {SHARE}"
            raise BadRule(owner, "", why)
        begin, end = gaps[number]
        first[size], found[ruling], gaps[number] = number, begin, (begin + size, end)
    return found


def gaps_between(had: Mapping[Ruling, int]) -> list[tuple[int, int]]:
    """Where nothing is, in order: from, up to. Record 0 is nobody's."""
    place, gaps = 1, []
    for base, records in sorted((base, ruling.records) for ruling, base in had.items()):
        gaps.append((place, base))
        place = base + records
    return [*gaps, (place, MOST_RULE_RECORDS)]


def records(laid: Laid) -> dict[int, bytes]:
    """The table `rules`, by place, as far as anybody uses it."""
    found = {0: packed(NOTHING)}
    for ruling, base in laid.bases.items():
        rest = rest_of(ruling)
        then = place_of(rest, laid.slots, laid.bases) if rest.lines else 0
        found[base] = packed(DEFAULT if ruling.by_default else NOTHING)
        for place, line in enumerate(ruling.lines, base + 1):
            found[place] = record_of(line, laid.numbers[line.owned], then)
    return found


def record_of(line: Line, number: int, then: int) -> bytes:
    """A rule's record."""
    rule = line.rule
    cost, frames = draw_of(rule.rate, rule.per_source) if rule.rate else (0, 0)
    return packed(ACTIONS[rule.action], number, rule.dry, rule.per_source, cost, frames, then)


def packed(action: int, number: int = 0, dry: bool = False, per_source: bool = False, *rest: int) -> bytes:
    """The bytes. `rest`: cost, frames, then."""
    record = np.zeros((), Record)
    record["action"], record["number"], record["dry"], record["per_source"] = action, number, dry, per_source
    for name, value in zip(("cost", "frames", "then"), rest, strict=False):
        record[name] = value
    return record.tobytes()


def draw_of(rate: int, per_source: bool) -> tuple[int, int]:
    """What a draw costs, in ns, and how many frames it is good for: one; of fast rules a ms' worth."""
    frames = 1 if per_source else max(1, rate // DRAWS)
    return frames * SECOND // rate, frames


def table_sizes(laid: Laid) -> dict[str, int]:
    """Entries of the tables that have one for each number."""
    highest = max(laid.numbers.values(), default=0)
    entries = max(FEWEST_RULES, 1 << (highest + highest // 4).bit_length())
    return {"rule_counters": entries, "rule_buckets": entries, "rule_texts": entries}


def fill_rules(table: Map, laid: Laid) -> None:
    """Write the records, a word at a time, behind what is read of them last: programs may be reading."""
    memory = np.frombuffer(table.memory(), np.uint64).reshape(-1, Record.itemsize // 8)
    for place, record in records(laid).items():
        memory[place, 1:], memory[place, 0] = np.frombuffer(record, np.uint64)[1:], np.frombuffer(record, np.uint64)[0]
