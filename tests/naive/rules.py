"""A host's rules, slowly: one after another, each asked of libpcap."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Literal

from hardtack.packet.reasons import Reason
from naive import pcap
from naive.moment import Moment
from naive.parse import Packet

DEPTH = 1 << 28  # ns
SECOND = 1_000_000_000
NS = 1_000_000  # in a ms
TICK = 16  # ns: times of sources


@dataclass(frozen=True)
class Rule:
    """One rule, as it is written. `number`: by which it is counted."""

    text: str
    number: int

    @property
    def dry(self) -> bool:
        """Whether it is only tried."""
        return self.text.startswith("dry ")

    @property
    def action(self) -> Literal["pass", "drop", "limit", "count", "protect"]:
        """Its action."""
        return self.text.removeprefix("dry ").split()[0]  # type: ignore[return-value]

    @property
    def rate(self) -> int:
        """Frames in a second."""
        written = self.text.removeprefix("dry ").split()[1].removesuffix("/s")
        return int(written.removesuffix("k")) * (1000 if written.endswith("k") else 1)

    @property
    def per_source(self) -> bool:
        """Whether each source prefix has the rate."""
        return " per source " in self.text

    @property
    def expression(self) -> str:
        """What it is about."""
        words = self.text.removeprefix("dry ").split()[1:]
        if self.action == "limit":
            words = words[3:] if self.per_source else words[1:]
        return " ".join(words)


@dataclass(frozen=True)
class Ruling:
    """What rules say of a frame that is judged further.

    protected    TCP goes to the handshake, whatever the host's ports are
    within       it is within the rate of a rule
    by_default   it is none that `protect` names
    dry          the host has a dry run
    every_port   connections of every port may be protected
    """

    protected: bool = False
    within: bool = False
    by_default: bool = False
    dry: bool = False
    every_port: bool = False


@dataclass
class Tally:
    """What a rule has matched; of that, what was beyond its rate."""

    frames: int = 0
    bytes: int = 0
    over: int = 0
    over_bytes: int = 0


@dataclass
class Memory:
    """What is remembered of rules, by number: tallies; when buckets are full, a source prefix's or the rule's; draws."""

    tallies: defaultdict[int, Tally] = field(default_factory=lambda: defaultdict(Tally))
    full_at: defaultdict[tuple[int, bytes], int] = field(default_factory=lambda: defaultdict(int))
    left: defaultdict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))


def judge(
    memory: Memory, rules: tuple[Rule, ...], protect: str, plain: Ruling, frame: bytes, packet: Packet, moment: Moment
) -> Reason | Ruling:
    """What rules, and then `protect`, say of a frame; `plain` is what is said without them."""
    rule = next((rule for rule in rules if pcap.matches(rule.expression, frame)), None)
    within = count(memory, rule, frame, packet, moment) if rule else True
    if rule is None or rule.dry or rule.action == "count":
        if not protect:
            return plain
        hidden = packet.version == 6 and packet.header[6] != packet.protocol  # behind extension headers
        named = hidden or pcap.matches(protect, frame)
        return replace(plain, protected=named, by_default=not named)
    if rule.action == "limit" and not within:
        return Reason.rule_source_limit if rule.per_source else Reason.rule_limit
    if rule.action in ("pass", "drop"):
        return Reason.rule_pass if rule.action == "pass" else Reason.rule_drop
    return replace(plain, protected=True, within=rule.action == "limit")


def count(memory: Memory, rule: Rule, frame: bytes, packet: Packet, moment: Moment) -> bool:
    """One more frame for the rule; whether it is within its rate."""
    tally = memory.tallies[rule.number]
    tally.frames += 1
    tally.bytes += len(frame)
    if rule.action != "limit" or pays(memory, rule, packet, moment):
        return True
    tally.over += 1
    tally.over_bytes += len(frame)
    return False


def pays(memory: Memory, rule: Rule, packet: Packet, moment: Moment) -> bool:
    """Whether the rule's bucket, or that of the source's prefix, has one frame; CPUs take a ms' worth of a rule's."""
    now = moment.ms * NS
    if rule.per_source:
        prefix = packet.source[:3] if packet.version == 4 else packet.source[:8]
        cost = SECOND // rule.rate // TICK + 1
        return draws(memory, (rule.number, prefix), cost, now // TICK, max(DEPTH // TICK, cost))
    frames = max(1, rule.rate // 1000)
    mine = moment.cpu, rule.number
    if not memory.left[mine]:
        cost = frames * SECOND // rule.rate
        memory.left[mine] = frames if draws(memory, (rule.number, b""), cost, now, max(DEPTH, cost)) else 0
    if not memory.left[mine]:
        return False
    memory.left[mine] -= 1
    return True


def draws(memory: Memory, whose: tuple[int, bytes], cost: int, now: int, depth: int) -> bool:
    """Whether there is room for a draw; then it is made."""
    full_at = max(now, memory.full_at[whose]) + cost
    if full_at > now + depth:
        return False
    memory.full_at[whose] = full_at
    return True
