"""What `hardtack status` shows of many hosts: all of them together, the commonest reasons, and the busiest hosts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from rich.console import Console
from rich.text import Text

from hardtack.cli.frames import COLOURS, per_second
from hardtack.cli.screen import folding, table_of
from hardtack.control.readout import Frames
from hardtack.packet.reasons import Reason, Verdict, verdict

FEW = 3  # hosts, and what is no host's: so many are shown with their reasons
MOST_REASONS = 5
MOST_HOSTS = 4
WORDS = {"PASS": "passed", "DROP": "dropped", "REPLY": "replied", "FORWARD": "forwarded"}

Groups = Mapping[str, Frames]


def summed(found: Groups, was: Groups, seconds: float) -> str:
    """`total: 12 frames, 3/s; dropped 12 (3/s)`: those of all hosts together."""
    now, before = by_verdict(found), by_verdict(was)
    each = [f"{WORDS[one.name]} {told(now[one.name], before[one.name], seconds)}" for one in Verdict if now[one.name]]
    return f"total: {told(now.total(), before.total(), seconds)} frames" + "".join(f", {one}" for one in each)


def told(count: int, before: int, seconds: float) -> str:
    """A number and its rate."""
    rate = per_second(count, before, seconds)
    return f"{count:,} ({rate}/s)" if rate else f"{count:,}"


def by_verdict(groups: Groups) -> Counter[str]:
    """Frames of all hosts."""
    return sum((Counter(one.verdicts) for one in groups.values()), Counter())


def by_reason(groups: Groups) -> Counter[str]:
    """Likewise."""
    return sum((Counter(one.reasons) for one in groups.values()), Counter())


def summary(console: Console, found: Groups, was: Groups, seconds: float) -> None:
    """The commonest reasons and the busiest hosts."""
    reasons(console, by_reason(found), by_reason(was), seconds)
    hosts(console, found, was, seconds)


def reasons(console: Console, now: Counter[str], before: Counter[str], seconds: float) -> None:
    """The commonest, and how many more."""
    headings = ["verdict", "reason", "frames", *(["a second"] if seconds else [])]
    table = table_of(*headings)
    for column in table.columns[2:]:
        column.justify = "right"
    for name, count in now.most_common(MOST_REASONS):
        kind = verdict(Reason[name]).name
        cells = [kind, name, f"{count:,}", *([per_second(count, before[name], seconds)] if seconds else [])]
        table.add_row(*(Text(cell, style=COLOURS[kind]) for cell in cells))
    if now:
        console.print(folding(table, console))
    if len(now) > MOST_REASONS:
        console.print(f"{len(now) - MOST_REASONS} more reasons: hardtack status --all")


def hosts(console: Console, found: Groups, was: Groups, seconds: float) -> None:
    """The busiest, by what they have had since the last time, and how many more."""
    before = {name: sum(one.verdicts.values()) for name, one in was.items()}
    busy = {name: sum(one.verdicts.values()) - before.get(name, 0) for name, one in found.items()}
    table = table_of("host", *WORDS.values(), *(["a second"] if seconds else []))
    for column in table.columns[1:]:
        column.justify = "right"
    chosen = sorted(found, key=lambda name: -busy[name])[:MOST_HOSTS]
    for name in chosen:
        verdicts = found[name].verdicts
        rate = [f"{max(0, busy[name]) / seconds:,.0f}"] if seconds else []
        table.add_row(Text(name), *(Text(f"{verdicts[kind]:,}", style=COLOURS[kind]) for kind in WORDS), *rate)
    console.print(folding(table, console))
    if more := len(found) - len(chosen):
        console.print(f"{more:,} more, less active: hardtack status --all")
