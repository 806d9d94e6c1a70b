"""`hardtack protect`, as it comes by the control socket.

    {"version": 1, "verb": "protect"}                                   all hosts that can be switched
    {"version": 1, "verb": "protect", "host": "web", "set": "on"}       "off", "auto"
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from hardtack.control.attacks.entry import OVERRIDES, Attack
from hardtack.control.attacks.watching import Attacks, NotAtTimes
from hardtack.control.reception import Facts, Verb


def protect(attacks: Attacks) -> Verb:
    """The verb."""
    return lambda request, answer: answer(answered(attacks, request))


def answered(attacks: Attacks, request: Facts) -> Facts:
    """The answer; a contract."""
    if "host" not in request and "set" not in request:
        return done("unchanged", attacks.all())
    name, to = str(request.get("host")), request.get("set")
    if to not in OVERRIDES:
        return {**done("refused", {}), "problems": [f'"set" is none of {", ".join(OVERRIDES)}']}
    before = attacks.all().get(name)
    try:
        now = attacks.override(name, to)
    except NotAtTimes as mistake:
        return {**done("refused", {}), "problems": [str(mistake)]}
    return done("changed" if now != before else "unchanged", {name: now})


def done(outcome: str, hosts: dict[str, Attack]) -> dict[str, Any]:
    """What became of a request, and how it stands with the hosts that it was about."""
    return {"outcome": outcome, "hosts": {name: asdict(one) for name, one in hosts.items()}, "problems": []}
