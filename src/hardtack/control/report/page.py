"""A report as one page of text: at most 60 lines of 80 columns, from its facts. Standard library only."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

from hardtack.printable import cut, printable

LINES, COLUMNS = 60, 80
MOST_REASONS, MOST_FEATURES, MOST_PREFIXES, MOST_KINDS = 6, 12, 4, 4
LONGEST_RULE = 4  # lines of it that are shown; JSON has it whole

Facts = dict[str, Any]


def page(facts: Facts) -> str:
    """The page, ending in a newline."""
    parts = [*head(facts), *volume(facts), *what(facts), *where(facts), *prevailing(facts), *rules(facts)]
    lines = [cut(printable(line), COLUMNS - 3) if len(line) > COLUMNS else printable(line) for line in parts]
    return "\n".join(lines[:LINES]) + "\n"


def head(facts: Facts) -> Iterator[str]:
    """Who, when, how long."""
    until = f"to {facts['ended']}" if facts["ended"] else "and continues"
    yield f"Attack on host {facts['host']}, interface {', '.join(facts['interfaces'])}"
    yield f"  from {facts['began']} {until}: {lasting(facts['seconds'])}"


def volume(facts: Facts) -> Iterator[str]:
    """How much."""
    found = facts["traffic"]
    yield f"  {found['frames']:,} frames, {amount(found['bytes'])}B outside known connections; peak and mean rate:"
    mean, peak = (f"{amount(found[f'{one}_frames_per_second'])}frames/s" for one in ("mean", "peak"))
    bits = [f"{amount(found[f'{one}_bits_per_second'])}bit/s" for one in ("peak", "mean")]
    yield f"  {peak} and {mean}, {bits[0]} and {bits[1]}"
    yield ""
    yield "By reason" + " " * 21 + "frames      bytes"
    for name, one in [*found["by_reason"].items()][:MOST_REASONS]:
        yield f"  {name:<20}{one['frames']:>14,}{amount(one['bytes']):>10}B"


def what(facts: Facts) -> Iterator[str]:
    """Which kinds, and on what the rest of the page is based."""
    some = facts["samples"]
    yield ""
    yield f"Sampled: {some['attack']:,} frames of the attack (most recently one of {some['one_of']:,});"
    yield f"  {some['ordinary']:,} of this host's ordinary traffic, {some['ordinary_syns']:,} SYNs among them"
    kinds = ", ".join(f"{one['kind']} {per_cent(one['share'])}" for one in facts["kinds"][:MOST_KINDS])
    yield f"Kinds: {kinds or 'unknown'}"


def where(facts: Facts) -> Iterator[str]:
    """Which sources."""
    found = facts["sources"]
    many = "very many, likely forged" if found["estimated"] is None else f"{found['estimated']:,} or more in all"
    yield f"Sources: {found['sampled']:,} different ones sampled" + (f"; {many}" if found["sampled"] else "")
    for one in found["prefixes"][:MOST_PREFIXES]:
        yield row(one["prefix"], "", one)


def prevailing(facts: Facts) -> Iterator[str]:
    """What is frequent in it."""
    yield ""
    yield f"{'Typical features':<56}{'attack':>10}{'ordinary':>12}"
    for one in facts["features"][:MOST_FEATURES]:
        yield row(one["field"], one["value"], one)


def row(name: str, value: str, shares: Facts) -> str:
    """A line of the table."""
    what = cut(f"{name} {value}".strip(), 51)
    return f"  {what:<54}{per_cent(shares['attack']):>10}{per_cent(shares['ordinary']):>12}"


def rules(facts: Facts) -> Iterator[str]:
    """What would drop it, and how to try that."""
    yield ""
    if not facts["rules"]:
        yield from textwrap.wrap(f"No rule is proposed: {facts['no_rules']}.", COLUMNS)
    else:
        yield "Proposed rules, each with the share of frames that it matches:"
    for number, one in enumerate(facts["rules"], 1):
        text = textwrap.wrap(one["rule"], COLUMNS - 5, break_long_words=False)
        yield f"{number}. {text[0]}"
        yield from (f"   {line}" for line in text[1:LONGEST_RULE])
        more = f" ({per_cent(one['more'])} more)" if number > 1 else ""
        ordinary, syns = per_cent(one["ordinary"]), per_cent(one["ordinary_syns"])
        yield f"   attack {per_cent(one['attack'])}{more}, ordinary {ordinary}, ordinary SYNs {syns}"
    yield from ending(facts)


def ending(facts: Facts) -> Iterator[str]:
    """What has been done: nothing."""
    yield ""
    if facts["rules"]:
        yield 'To try one, write rules = ["dry drop ..."] of the host: hardtack status then'
        yield "counts what it matches. If that is right, write drop. Rules that match more than"
        yield f"{per_cent(facts['most_ordinary'])} of ordinary frames, or SYNs, are not proposed. ?: too few samples."
    yield "Nothing was changed."


def per_cent(share: float | None) -> str:
    """A share; `?`: unknown."""
    return "?" if share is None else f"{100 * share:.1f} %"


def amount(number: float) -> str:
    """With SI's prefix, and a blank before the unit."""
    for size, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.1f} {prefix}"
    return f"{number:.0f} "


def lasting(seconds: float) -> str:
    """A duration."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole % 3600 // 60
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"
