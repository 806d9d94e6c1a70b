"""What is asked for, and what it means on a front: inert values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hardtack.engines.tap_program import Wish
from hardtack.image import ProgramKind
from hardtack.mistake import Mistake
from hardtack.packet.reasons import FRONT_REASONS, Reason, Verdict, verdict
from hardtack.packet.tap_tables import SNAP
from hardtack.pcap.libpcap import Expression, Link, compile

MOST_EVERY = 1 << 30
LINKS: dict[ProgramKind, Link] = {"xdp": "ethernet", "tcx": "ip"}


class BadRequest(Mistake, ValueError):
    """Something that cannot be captured."""


@dataclass(frozen=True)
class Request:
    """Frames to be captured. `reasons`: none are all; `every`: one frame of so many; `snap`: bytes of each; `rate`: frames a
    second on a CPU, at most.
    """

    reasons: frozenset[Reason] = frozenset()
    host: str | None = None
    filter: str = ""
    every: int = 1
    snap: int = SNAP
    rate: int = 50_000

    def wish(self, kind: ProgramKind, host: int | None) -> Wish:
        """For programs of this kind; `host` by number. ExpressionError."""
        return Wish(self.reasons, host, self.expression(kind), self.snap, self.rate)

    def expression(self, kind: ProgramKind) -> Expression | None:
        """The filter, as such a program sees frames. ExpressionError."""
        return compile(self.filter, LINKS[kind]) if self.filter else None


def reasons_of(names: Sequence[str], verdicts: Iterable[str]) -> frozenset[Reason]:
    """Reasons by name, and all of some verdicts; both: those of the names that have such a verdict. BadRequest."""
    known = {one.name: one for one in Reason if one < FRONT_REASONS}
    for name in names:
        if name not in known:
            near = [one for one in known if name in one or one in name]
            hint = f"; there is {', '.join(near[:5])}" if near else ""
            raise BadRequest(f"no such reason: {name}{hint}; `hardtack status` and docs/counters.md list them")
    kinds = {verdict_of(one) for one in verdicts}
    chosen = {known[name] for name in names} if names else {*known.values()} if kinds else set[Reason]()
    found = frozenset(one for one in chosen if not kinds or verdict(one) in kinds)
    if chosen and not found:
        raise BadRequest("no reason matches both --reason and --verdict, so no frame would be captured")
    return found


def verdict_of(name: str) -> Verdict:
    """By name. BadRequest."""
    if name.upper() not in Verdict.__members__:
        raise BadRequest(f"no such verdict: {name}; there are {', '.join(one.name.lower() for one in Verdict)}")
    return Verdict[name.upper()]


def every_of(text: str) -> int:
    """`1/1000`, or `1000`: one frame of so many. BadRequest."""
    match = re.fullmatch(r"(?:1/)?([0-9]{1,10})", text.replace("_", ""))
    if not match or not 1 <= int(match[1]) <= MOST_EVERY:
        raise BadRequest(f"--sample {text}: write a fraction, as 1/1000 for one frame of 1,000")
    return int(match[1])
