"""Rules as they are written: "ACTION EXPRESSION". What they do, docs/rules.md says."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, get_args

from hardtack.control.configuration.shown import shown
from hardtack.control.configuration.units import RATE
from hardtack.pcap import libpcap
from hardtack.pcap.libpcap import Expression, ExpressionError, Link, NoLibpcap

Action = Literal["pass", "drop", "limit", "count", "protect"]
ACTIONS: tuple[Action, ...] = get_args(Action)
MAY_BE_DRY = ("drop", "limit")
MOST_RATE = 1_000_000_000  # frames in a second
MOST_SOURCE_RATE = 1_000_000
MOST_RULES = 256  # that a frame may be compared with: those of [front], those of its host, and `protect`
REMEMBERED = 16_384  # expressions


@dataclass(frozen=True)
class Rule:
    """One rule. `rate`: frames in a second, of "limit"; `per_source`: each source prefix has it."""

    text: str
    action: Action
    expression: str
    rate: int = 0
    per_source: bool = False
    dry: bool = False


def parse(text: str) -> Rule:
    """The rule that is written so; its expression is not looked into. ValueError says what is wrong."""
    words, dry = text.split(), False
    if words[:1] == ["dry"]:
        words, dry = words[1:], True
    if not words or words[0] not in ACTIONS:
        found = f"begins with {shown(words[0])} instead of an action" if words else "has no action"
        raise ValueError(f"which {found}: {', '.join(ACTIONS[:-1])} or {ACTIONS[-1]}")
    action, rate, per_source = ACTIONS[ACTIONS.index(words.pop(0))], 0, False
    if dry and action not in MAY_BE_DRY:
        raise ValueError(f"which has dry before {action}: dry goes only before drop and limit")
    if action == "limit":
        written = words.pop(0) if words else ""
        if per_source := words[:2] == ["per", "source"]:
            words = words[2:]
        rate = read_rate(written, MOST_SOURCE_RATE if per_source else MOST_RATE)
    if not words:
        raise ValueError(f'which has no expression; for all frames, write {shown(" ".join(text.split()) + " ip or ip6")}')
    return Rule(text, action, " ".join(words), rate, per_source, dry)


def read_rate(written: str, most: int) -> int:
    """Frames in a second."""
    rate = RATE.parse(written) if written.endswith("/s") else None
    if rate is None:
        raise ValueError(f"which has {shown(written) if written else 'no rate'} after limit; write a rate such as 5k/s")
    if not 1 <= rate <= most:
        raise ValueError(f"whose rate is {shown(written)}; write one from 1/s to {RATE.write(most)}")
    return rate


@lru_cache(REMEMBERED)
def compiled(expression: str, link: Link = "ethernet") -> Expression:
    """An expression as libpcap has it. ExpressionError, NoLibpcap."""
    return libpcap.compile(expression, link)


def read_rule(value: Any) -> str:
    """A rule's text, if it is one."""
    if not isinstance(value, str):
        raise ValueError("which is not in quotes")
    read_expression(parse(value).expression)
    return value


def read_expression(value: Any) -> str:
    """An expression's text, if libpcap takes it."""
    if not isinstance(value, str):
        raise ValueError("which is not in quotes")
    if not value.strip():
        raise ValueError("which is an empty expression")
    try:
        compiled(" ".join(value.split()))
    except ExpressionError as error:
        raise ValueError(f"whose expression {libpcap.quoted(error.expression)} is wrong: {error.reason}") from None
    except NoLibpcap as error:
        raise ValueError(f"but {error}") from None
    return value


def check_rules(rules: tuple[str, ...]) -> tuple[str, ...]:
    """Each once, and not too many."""
    if len(rules) > MOST_RULES:
        raise ValueError(f"which are {len(rules):,} rules; the limit is {MOST_RULES}: join some with `or`")
    seen: dict[Rule | str, int] = {}
    for number, text in enumerate(rules, 1):
        same = " ".join(text.split())
        if same in seen:
            raise ValueError(f"in which rule {number}, {libpcap.quoted(text)}, repeats rule {seen[same]} and never matches")
        seen[same] = number
    return rules
