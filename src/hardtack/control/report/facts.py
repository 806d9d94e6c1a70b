"""A report as facts: what JSON has, and what the page is made of. Its keys are a contract."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from hardtack.control.report.features import FIELDS, Feature, features
from hardtack.control.report.headers import headers, kind_of
from hardtack.control.report.rules import FEW, MOST_ORDINARY, Finder, Proposal, is_syn
from hardtack.pcap.libpcap import NoLibpcap

VERSION = 1
MOST_VALUES = 2  # of a field, that are told
LEAST_SHARE = 0.10  # of the attack; what fewer frames have does not prevail
MOST_FEATURES, MOST_PREFIXES, MOST_KINDS, MOST_REASONS = 14, 5, 5, 8
UNTOLD = ("IP version", "protocol", "fragment", "TCP flags")  # the kinds say so; prefixes have their own place

Facts = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """What a report is made of; inert. Times are unix s; `ended`: None while it goes on. `by_reason`: frames and bytes.

    `attack`, `ordinary`: untagged frames. `every`: one of so many frames was sampled, lately.
    """

    host: str
    interfaces: Sequence[str]
    began: float
    ended: float | None
    now: float
    why: Sequence[str] = ()
    frames: int = 0
    octets: int = 0
    peak_frames: float = 0.0
    peak_octets: float = 0.0
    by_reason: dict[str, tuple[int, int]] = field(default_factory=dict)
    attack: Sequence[bytes] = ()
    ordinary: Sequence[bytes] = ()
    every: int = 1


def facts_of(case: Case) -> Facts:
    """All of it; this computes for some seconds."""
    found, why_none = proposals(case)
    seconds = max((case.ended or case.now) - case.began, 1.0)
    return {
        "version": VERSION,
        "host": case.host,
        "interfaces": [*case.interfaces],
        "began": iso(case.began),
        "ended": None if case.ended is None else iso(case.ended),
        "seconds": round(seconds, 1),
        "why": [*case.why],
        "traffic": {
            "frames": case.frames,
            "bytes": case.octets,
            "mean_frames_per_second": round(case.frames / seconds),
            "peak_frames_per_second": round(case.peak_frames),
            "mean_bits_per_second": round(8 * case.octets / seconds),
            "peak_bits_per_second": round(8 * case.peak_octets),
            "by_reason": {name: {"frames": frames, "bytes": size} for name, (frames, size) in case.by_reason.items()},
        },
        **seen(case),
        "rules": [told(one) for one in found],
        "no_rules": why_none,
        "most_ordinary": MOST_ORDINARY,
        "changed": False,
    }


def seen(case: Case) -> Facts:
    """What the samples say."""
    attack, ordinary = [headers(frame) for frame in case.attack], [headers(frame) for frame in case.ordinary]
    syns = sum(map(is_syn, ordinary))
    sources = Counter(one.source for one in attack if one)
    theirs, ours = counted(case.attack), counted(case.ordinary)
    many, few = max(1, len(attack)), len(ordinary)
    prevailing = [one for one in theirs if theirs[one] >= LEAST_SHARE * many]
    return {
        "samples": {"attack": len(attack), "ordinary": few, "ordinary_syns": syns, "one_of": case.every},
        "kinds": [
            {"kind": kind, "share": rounded(count / many)}
            for kind, count in ranked(Counter(map(kind_of, attack)).items())[:MOST_KINDS]
        ],
        "sources": {
            "sampled": len(sources),
            "estimated": estimated(sources),
            "prefixes": prefixes(theirs, ours, many, few),
        },
        "features": [
            {
                "field": one.field,
                "value": one.value,
                "attack": rounded(theirs[one] / many),
                "ordinary": against(ours[one], few),
            }
            for one in chosen(prevailing, lambda one: theirs[one] / many - ours[one] / max(1, few))
        ],
    }


def counted(frames: Iterable[bytes]) -> Counter[Feature]:
    """How many frames have each feature."""
    return Counter(feature for frame in frames for feature in features(headers(frame)))


def chosen(prevailing: Sequence[Feature], contrast: Callable[[Feature], float]) -> list[Feature]:
    """Those that are told: of each field some, those first in which the attack differs most; none in which it does not."""
    prevailing, kept = [one for one in prevailing if contrast(one) >= LEAST_SHARE], list[Feature]()
    for name in FIELDS:
        if name not in UNTOLD and not name.startswith("source /"):
            some = [one for one in prevailing if one.field == name]
            kept += sorted(some, key=lambda one: (-contrast(one), one.value))[:MOST_VALUES]
    return sorted(kept, key=lambda one: (-round(contrast(one), 3), FIELDS.index(one.field)))[:MOST_FEATURES]


def prefixes(theirs: Counter[Feature], ours: Counter[Feature], many: int, few: int) -> list[Facts]:
    """Where most of it comes from: the longest prefixes that prevail."""
    by_prefix, by_value = (
        {one.value: count for one, count in counts.items() if one.field.startswith("source /")} for counts in (theirs, ours)
    )
    some = [(value, count) for value, count in by_prefix.items() if count >= LEAST_SHARE * many]
    some.sort(key=lambda one: (-one[1], -int(one[0].partition("/")[2]), one[0]))
    return [
        {"prefix": value, "attack": rounded(count / many), "ordinary": against(by_value.get(value, 0), few)}
        for value, count in some[:MOST_PREFIXES]
    ]


def estimated(sources: Counter[bytes]) -> int | None:
    """How many sources there are (Chao 1984, a lower bound); None where nearly each sampled frame has another one."""
    once, twice = (sum(1 for count in sources.values() if count == times) for times in (1, 2))
    if sum(sources.values()) == 0 or (once > 0.9 * len(sources) and len(sources) > FEW):
        return None
    return len(sources) + once * (once - 1) // (2 * (twice + 1))


def proposals(case: Case) -> tuple[list[Proposal], str]:
    """Rules; or why there are none."""
    if len(case.attack) < FEW:
        return [], f"only {len(case.attack)} frames of the attack were sampled"
    try:
        found = [*Finder(case.attack, case.ordinary).rules()]
    except NoLibpcap as missing:
        return [], str(missing)
    return found, "" if found else "no combination of up to three features separates it well from ordinary traffic"


def told(one: Proposal) -> Facts:
    """As JSON has it."""
    return {
        "rule": f"drop {one.expression}",
        "because": [f"{name}: {value}" for name, value in one.because],
        "attack": rounded(one.attack),
        "more": rounded(one.more),
        "ordinary": None if one.ordinary is None else rounded(one.ordinary),
        "ordinary_syns": None if one.ordinary_syns is None else rounded(one.ordinary_syns),
    }


def against(count: int, few: int) -> float | None:
    """Of ordinary traffic; None of too few."""
    return rounded(count / few) if few >= FEW else None


def ranked(counts: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """The most first."""
    return sorted(counts, key=lambda one: (-one[1], one[0]))


def rounded(share: float) -> float:
    """To a tenth of a per cent."""
    return round(share, 3)


def iso(when: float) -> str:
    """With the zone, as the journal has it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(when))
