"""Rules that would drop most of a flood and little else: found greedily, measured on sampled frames. Deterministic.

A feature that most of the flood has is a rule, if ordinary traffic has it hardly ever; where ordinary traffic has it, too,
two or three together may be one. Each is measured as libpcap understands it. What it would cost is told for ordinary
traffic as a whole and for its SYNs alone: a rule that drops every SYN hits few ordinary frames, but nobody can connect.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hardtack.control.report.features import COARSE, FIELDS, PLACES, Feature, features
from hardtack.control.report.headers import ACK, SYN, Headers, headers
from hardtack.control.report.judging import Hits, Judge

MOST_RULES = 5
MOST_TERMS = 3  # features in one rule
MOST_ORDINARY = 0.05  # of ordinary frames, or of ordinary SYNs; what hits more is not proposed
LEAST_ATTACK = 0.05  # of the attack, that a rule must hit beyond those before it
ENOUGH = 0.98  # of the attack: no further rules
FEW = 50  # ordinary frames, or SYNs: of fewer nothing is concluded
HITS_OF_FEW = 2  # of fewer SYNs, that a rule would hit: it is taken to hit others, too
MOST_SINGLES, MOST_PAIRED, MOST_PAIRS = 64, 24, 16  # features looked at; those that pairs are made of; pairs, triples
COST = 4  # a share of ordinary traffic weighs as much as so many of the attack
TERM = 0.01  # of the attack, that a further feature in a rule must be worth


@dataclass(frozen=True)
class Proposal:
    """A rule, and what it hits: shares from 0 to 1. `more`: of the attack, what the rules before it do not hit.

    `ordinary`, `ordinary_syns`: None where fewer than FEW were sampled.
    """

    expression: str
    because: tuple[tuple[str, str], ...]  # fields and their values
    attack: float
    more: float
    ordinary: float | None
    ordinary_syns: float | None


@dataclass(frozen=True)
class Candidate:
    """Some features together, and which frames they match."""

    features: tuple[Feature, ...]
    attack: Hits
    ordinary: Hits

    @property
    def expression(self) -> str:
        """In pcap's language."""
        return " and ".join(dict.fromkeys(term for feature in self.features for term in feature.terms))

    @property
    def order(self) -> tuple[int, ...]:
        """Among those that are equally good."""
        return tuple(PLACES[feature.field] for feature in self.features)


class Finder:
    """On an attack's frames, and ordinary ones: untagged Ethernet frames. NoLibpcap."""

    def __init__(self, attack: Sequence[bytes], ordinary: Sequence[bytes]) -> None:
        self._attack, self._ordinary = Judge(attack), Judge(ordinary)
        self._features = [tuple(features(headers(frame))) for frame in attack]
        self._syns = np.array([is_syn(headers(frame)) for frame in ordinary], bool)
        self._attack_syns = np.array([is_syn(headers(frame)) for frame in attack], bool)
        self._known: dict[str, Candidate] = {}

    def rules(self) -> Iterator[Proposal]:
        """The best first."""
        left = np.ones(len(self._features), bool)
        for _ in range(MOST_RULES):
            if not len(left) or left.mean() <= 1 - ENOUGH:
                return
            best = self._best(left)
            if best is None:
                return
            exact = self._measured(best.features)
            yield self._told(exact, left)
            left &= ~exact.attack

    def _best(self, left: Hits) -> Candidate | None:
        """Of what is left of the attack."""
        singles = [self._measured((feature,)) for feature in self._frequent(left)]
        found = [one for one in singles if self._is_good(one, left)]
        together = sorted(singles, key=lambda one: (-self._gain(one, left, cost=1), one.order))[:MOST_PAIRED]
        pairs = list(joined(together, together))
        some = sorted(pairs, key=lambda one: (-self._gain(one, left), one.order))[:MOST_PAIRS]
        triples = joined(some, together)
        found += [one for one in (*pairs, *triples) if self._is_good(one, left)]
        return min(found, key=lambda one: (-round(self._gain(one, left), 3), one.order), default=None)

    def _frequent(self, left: Hits) -> list[Feature]:
        """Features that enough of these frames have."""
        counts = Counter(feature for number in np.flatnonzero(left).tolist() for feature in self._features[number])
        least = LEAST_ATTACK * len(left)
        some = [(-many, PLACES[feature.field], feature) for feature, many in counts.items() if many >= least]
        return [feature for _, _, feature in sorted(some)[:MOST_SINGLES]]

    def _measured(self, some: tuple[Feature, ...]) -> Candidate:
        """As libpcap understands it."""
        wanted = Candidate(some, np.zeros(0, bool), np.zeros(0, bool)).expression
        if wanted not in self._known:
            self._known[wanted] = Candidate(some, self._attack.hits(wanted), self._ordinary.hits(wanted))
        found = self._known[wanted]
        return Candidate(some, found.attack, found.ordinary)

    def _is_good(self, one: Candidate, left: Hits) -> bool:
        """Whether it may be proposed."""
        if (one.attack & left).mean() < LEAST_ATTACK or self._harm(one) > MOST_ORDINARY or self._gain(one, left) <= 0:
            return False
        return not all(feature.field in COARSE for feature in one.features) or self._is_known(one)

    def _is_known(self, one: Candidate) -> bool:
        """Whether enough ordinary frames of the kinds that it hits were seen."""
        syns, others = int(self._syns.sum()), int((~self._syns).sum())
        hits_syns = (one.attack & self._attack_syns).any()
        hits_others = (one.attack & ~self._attack_syns).any()
        return (syns >= FEW or not hits_syns) and (others >= FEW or not hits_others)

    def _harm(self, one: Candidate) -> float:
        """The share of ordinary traffic, or of its SYNs, whichever is more.

        Of few SYNs, two that are hit count: a single one may be of the flood, sampled before that was noticed.
        """
        syns = one.ordinary[self._syns]
        known = len(syns) >= FEW or syns.sum() >= HITS_OF_FEW
        return max(share(one.ordinary) or 0.0, float(syns.mean()) if known else 0.0)

    def _gain(self, one: Candidate, left: Hits, cost: int = COST) -> float:
        return float((one.attack & left).mean()) - cost * self._harm(one) - TERM * len(one.features)

    def _told(self, one: Candidate, left: Hits) -> Proposal:
        because = tuple((feature.field, feature.value) for feature in one.features)
        more, whole = float((one.attack & left).mean()), float(one.attack.mean())
        return Proposal(one.expression, because, whole, more, share(one.ordinary), share(one.ordinary[self._syns]))


def joined(some: Iterable[Candidate], others: Sequence[Candidate]) -> Iterator[Candidate]:
    """Each of these with each other feature: of another field, and each set once."""
    seen = set[frozenset[Feature]]()
    for one in some:
        for other in others:
            (feature,) = other.features
            key = frozenset((*one.features, feature))
            if feature.field in {here.field for here in one.features} or key in seen or len(key) > MOST_TERMS:
                continue
            seen.add(key)
            ordered = tuple(sorted(key, key=lambda here: (FIELDS.index(here.field), here.value)))
            yield Candidate(ordered, one.attack & other.attack, one.ordinary & other.ordinary)


def share(hits: Hits) -> float | None:
    """Of frames; None of too few."""
    return float(hits.mean()) if len(hits) >= FEW else None


def is_syn(found: Headers | None) -> bool:
    """Whether it asks for a connection."""
    return found is not None and found.flags >= 0 and found.flags & (SYN | ACK) == SYN
