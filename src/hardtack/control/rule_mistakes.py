"""A rule that reads well and cannot be: too much for a program, for the kernel's verifier, or for a front's tables.

`problem` says so as all other mistakes of a configuration are told: at a start, which has read the file, and at a reload,
where the helper has.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hardtack.control.configuration.complaints import name
from hardtack.control.configuration.document import Document
from hardtack.control.configuration.places import Place
from hardtack.control.configuration.problems import ConfigError, Problem
from hardtack.control.configuration.reading import Loaded
from hardtack.control.configuration.shown import shown
from hardtack.control.rules import BadRule, Laid, protection
from hardtack.kernel.programs import VerifierRefusal
from hardtack.pcap.libpcap import ExpressionError

LONG = "which makes the program longer than eBPF's jumps reach; write fewer or shorter rules"


def refused(refusal: VerifierRefusal) -> str:
    """What is wrong with a rule, in the verifier's words."""
    words = refusal.in_a_line().rstrip(".")
    return f"which the kernel's verifier rejects, together with the rules before it: {words}; write fewer or simpler rules"


def no_expression(error: ExpressionError) -> str:
    """What is wrong with one that libpcap takes for Ethernet only."""
    return f"whose expression does not fit frames that begin with IP, as on a tunnel: {error.reason}; leave the rule out"


def bad_rule(laid: Laid, place: int, position: int, why: str) -> BadRule:
    """What is wrong with the list at a place in the tables of programs, with the one at `position`, from 1; 0: with all."""
    ruling = next(ruling for ruling in laid.bases if ruling.expressions and laid.slots[ruling.expressions] == place)
    owner, text = ruling.lines[position - 1].owned
    return BadRule(owner, text if position else "", why)


@contextmanager
def named(found: Loaded) -> Iterator[None]:
    """What is done with a configuration in this block may find a rule that cannot be: ConfigError, with its line."""
    try:
        yield
    except BadRule as bad:
        raise ConfigError([problem(found.document, bad)], found.origin) from None


def problem(document: Document, bad: BadRule) -> Problem:
    """Where the rule is written, what was found there, what is wrong with it, and what to write."""
    place, found = place_of(document, bad.owner, bad.text)
    return Problem(document.spot(place), f"{name(place, document)}: found {found}, {bad.why}")


def place_of(document: Document, owner: str, text: str) -> tuple[Place, str]:
    """Where a rule is written, and what stands there; without `text`, where all rules of the owner begin."""
    numbers = {host.get("name"): number for number, host in enumerate(document.hosts)}
    table: Place = ("host", numbers[owner]) if owner else ("front",)
    written = document.hosts[numbers[owner]] if owner else document.data["front"]
    rules = written.get("rules", [])
    if text in rules:
        return (*table, "rules", rules.index(text)), shown(text)
    if "protect" in written and (not rules or text == protection(written["protect"])):
        return (*table, "protect"), shown(written["protect"])
    return (*table, "rules"), f"{len(rules)} rules"
