"""Lists of expressions as programs: what a start puts into the tables of programs, and what of it a reload still lacks.

What one program cannot hold, the verifier's refusals apart, is found before anything is made. Pure, but for `refused`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hardtack.control import rule_mistakes, rules
from hardtack.control.configuration.rules import compiled
from hardtack.control.configuration.schema import Config
from hardtack.control.plan import Plan
from hardtack.control.rules import BadRule, Expressions, Laid
from hardtack.engines import xdp
from hardtack.engines.xdp import RuleTable
from hardtack.image import Image
from hardtack.kernel.programs import VerifierRefusal
from hardtack.kernel.standing import Place
from hardtack.packet.rule_tables import AFTER_RULES
from hardtack.pcap import size
from hardtack.pcap.libpcap import Expression, ExpressionError, Link
from hardtack.pcap.size import TooLarge

Jumps = dict[str, dict[int, Image]]


def jumps(laid: Laid, where: Sequence[Place]) -> Jumps:
    """What goes into each table of programs, by place: rule programs, and the front's second one. BadRule.

    Nothing if no host has rules, nor a dry run.
    """
    found: Jumps = {}
    for table in xdp.rule_tables(where) if laid.words else ():
        lists = lists_of(laid, laid.slots, table.link)
        made = {place: xdp.rule_image(some, table.kind, place) for place, some in lists.items()}
        found[table.name] = {AFTER_RULES: table.after(), **made}
    return found


def missing(now: Plan, then: Plan) -> dict[str, dict[int, list[Expression]]]:
    """By table of programs, and place in it, the lists that the plan `then` needs and `now` has not. BadRule.

    Empty if there is nothing to load; where rules are new altogether, so is the front's second program, in each table.
    """
    before, after = now.seats.rules, then.seats.rules
    fresh = {expressions: place for expressions, place in after.slots.items() if before.slots.get(expressions) != place}
    if not after.words or (before.words and not fresh):
        return {}
    return {table.name: lists_of(after, fresh, table.link) for table in xdp.rule_tables(then.places)}


def lists_of(laid: Laid, slots: Mapping[Expressions, int], link: Link) -> dict[int, list[Expression]]:
    """Some of the lists, by place, compiled. BadRule."""
    found = {}
    for expressions, place in slots.items():
        found[place] = made = list[Expression]()
        try:
            for expression in expressions:
                made.append(compiled(expression, link))
            size.require(made)
        except ExpressionError as error:
            raise rule_mistakes.bad_rule(laid, place, len(made) + 1, rule_mistakes.no_expression(error)) from None
        except TooLarge as error:
            raise rule_mistakes.bad_rule(laid, place, error.position, rule_mistakes.LONG) from None
    return found


def check(config: Config) -> None:
    """That programs can be made of all rules, for frames that begin with Ethernet. BadRule."""
    laid = rules.laid(rules.ruled(config))
    lists_of(laid, laid.slots, "ethernet")


def refused(laid: Laid, where: Sequence[Place], refusal: VerifierRefusal) -> BadRule | None:
    """Which rule of a start the kernel has refused; None if what it has refused is no rule program. Asks the kernel."""
    for place in laid.slots.values():
        if xdp.called(place) == refusal.name:
            position = max(culprit(laid, place, table) for table in xdp.rule_tables(where))
            return rule_mistakes.bad_rule(laid, place, position, rule_mistakes.refused(refusal))
    return None


def culprit(laid: Laid, place: int, table: RuleTable) -> int:
    """The position of the one that is too much, from 1."""
    expressions = next(expressions for expressions, its in laid.slots.items() if its == place)
    return xdp.culprit([compiled(one, table.link) for one in expressions], table.kind)
