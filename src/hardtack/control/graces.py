"""Whose connections may exist that the front has not seen: more of them is protected than before. Pure."""

from __future__ import annotations

from hardtack.control.coverage import Network, widened
from hardtack.control.numbers import EVERYBODY
from hardtack.control.plan import Plan
from hardtack.control.protected import EVERY_PORT, ports_of
from hardtack.control.rules import keeps_out


def wider(now: Plan, then: Plan) -> set[Network]:
    """Networks with an address that is protected on more ports than before, or from whose frames more is judged."""
    found = widened(ports_of(now.protected), ports_of(then.protected), EVERY_PORT)
    before, after = now.seats.rules.numbers, then.seats.rules.numbers
    owners = {owner for owner, text in before.keys() - after.keys() if keeps_out(text)}
    if EVERYBODY in owners:
        return {*then.protected.owners}
    numbers = {then.seats.numbers.get(owner) for owner in owners}
    return found | {network for network, number in then.protected.owners.items() if number in numbers}
