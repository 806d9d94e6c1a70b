"""What of a plan's rules is not in the kernel yet, and what is wrong with a rule that cannot be. Pure."""

from __future__ import annotations

from hardtack.control.plan import Plan
from hardtack.control.rules import EVERYBODY, Laid
from hardtack.engines import xdp
from hardtack.pcap import libpcap
from hardtack.pcap.libpcap import Expression


def missing(now: Plan, then: Plan) -> dict[str, dict[int, list[Expression]]]:
    """By table of programs, and place in it, the lists that the plan `then` needs and `now` has not. ExpressionError.

    Empty if there is nothing to load; where rules are new altogether, so is the front's second program, in each table.
    """
    before, after = now.seats.rules, then.seats.rules
    fresh = {expressions: place for expressions, place in after.slots.items() if before.slots.get(expressions) != place}
    if not after.words or (before.words and not fresh):
        return {}
    return {
        table.name: {
            place: [libpcap.compile(one, table.link) for one in expressions] for expressions, place in fresh.items()
        }
        for table in xdp.rule_tables(then.places)
    }


def what_is_wrong(laid: Laid, place: int, position: int, why: str) -> str:
    """A line about a list that cannot be loaded: whose rule it is, and why."""
    for ruling in laid.bases:
        if laid.slots[ruling.expressions] == place:
            if not position:
                return f"rules of {owner_of(ruling.lines[-1].owned[0])}, all together: {why}"
            owner, text = ruling.lines[position - 1].owned
            return f"rule {libpcap.quoted(text)} of {owner_of(owner)}: {why}"
    return f"rules: {why}"


def owner_of(owner: str) -> str:
    """As messages say it."""
    return "[front]" if owner == EVERYBODY else f'[[host]] "{owner}"'
