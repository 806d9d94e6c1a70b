"""What each view of the live view has in its table. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from hardtack.cli.live.numbers import short
from hardtack.cli.live.tables import Cells, Column, Table
from hardtack.control.hitters.tally import ALL, KINDS, Hitters
from hardtack.control.live.history import History, sparkline
from hardtack.control.live.rates import VERDICTS, flows
from hardtack.control.live.sight import FRAMES, OCTETS
from hardtack.control.live.watch import Histories, Picture
from hardtack.packet.reasons import REASONS, Reason, verdict

View = Literal["reasons", "hosts", "CPUs", "connections", "rules", "sources"]
VIEWS: tuple[View, ...] = ("reasons", "hosts", "CPUs", "connections", "rules", "sources")
COLOURS = {"PASS": "dim", "DROP": "red", "REPLY": "cyan", "FORWARD": "green"}
MOST_HITTERS = 20  # of each kind
TREND = 8  # columns, at least
NOT_AVAILABLE = "sampling is not available: dropped frames are counted, but not sampled"


@dataclass(frozen=True)
class Known:
    """What the views are made of. `blocks`: characters that lines are drawn with; `why_not`: nothing is sampled.

    `host`: by number, the one whose dropped frames are looked into.
    """

    picture: Picture
    histories: Histories
    blocks: str
    hitters: Hitters | None = None
    why_not: str = ""
    host: int = ALL


def table_of(view: View, known: Known) -> Table:
    """The table of a view."""
    makers: dict[View, Callable[[Known], Table]] = {
        "reasons": reasons,
        "hosts": hosts,
        "CPUs": cpus,
        "connections": held,
        "rules": rules,
        "sources": hitters,
    }
    return makers[view](known)


def rate(name: str) -> Column:
    """A column of rates."""
    return Column(name, 9, short, right=True)


def total(name: str = "total", width: int = 15) -> Column:
    """A column of frames since the start, written out."""
    return Column(name, width, lambda number: f"{number:,}", right=True, spare=True)


def trend(history: History, blocks: str) -> Column:
    """How it went: the cell is the key in `history`."""
    return Column("trend", TREND, lambda key: sparkline(history.series(key), TREND, blocks), spare=True, drawn=True)


def reasons(known: Known) -> Table:
    """Each reason that there is anything of."""
    sight, rates = known.picture.sight, known.picture.rates
    totals = sight.counts[:, :, FRAMES].sum(0).tolist()
    now = rates.reasons.tolist() if rates else [[0.0, 0.0]] * REASONS
    columns = (
        Column("reason", 17),
        Column("verdict", 7),
        rate("frames/s"),
        rate("bit/s"),
        total(),
        trend(known.histories.reasons, known.blocks),
        Column("meaning", 20, grows=True, spare=True),
    )
    seen = [one for one in Reason if totals[one]]
    rows: list[Cells] = [
        (one.name, verdict(one).name, now[one][FRAMES], now[one][OCTETS] * 8, totals[one], int(one), one.text)
        for one in seen
    ]
    return Table("reasons", columns, rows, 2, [COLOURS[verdict(one).name] for one in seen], "no frames yet")


SHORT = {"PASS": "pass/s", "DROP": "drop/s", "REPLY": "reply/s", "FORWARD": "fwd/s"}
FLOWS = ("frames/s", *(SHORT[one.name] for one in VERDICTS), "bit/s")


def hosts(known: Known) -> Table:
    """A row for each host, for frames that are no host's, and for an agent."""
    sight, rates = known.picture.sight, known.picture.rates
    speeds = flows(rates.rows if rates else None, len(sight.rows))
    totals = sight.counts[:, :, FRAMES].sum(1).tolist()
    several = len({owner for owner, _ in sight.rows}) > 1
    holds = {(one.interface, name): shake for one in sight.attached for name, shake in one.handshakes.items()}
    attacked = {(one.interface, name) for one in sight.attached for name, attack in one.attacks.items() if attack.since}
    columns = (
        Column("host", 16),
        *([Column("on", 10)] if several else []),
        *(rate(name) for name in FLOWS),
        trend(known.histories.rows, known.blocks),
        Column("handshake", 10, spare=True),
        total(),
    )
    rows, styles = list[Cells](), list[str]()
    for place, row in enumerate(sight.rows):
        holding = holds.get(row)
        shake = "" if holding is None else holding.holds
        rows.append((row[1], *([row[0]] if several else []), *speeds[place], row, shake, totals[place]))
        styles.append("bold red" if row in attacked else "")
    return Table("hosts", columns, rows, 2 if several else 1, styles)


def cpus(known: Known) -> Table:
    """A row for each CPU."""
    sight, rates = known.picture.sight, known.picture.rates
    speeds = flows(rates.cpus if rates else None, len(sight.by_cpu))
    totals = sight.by_cpu[:, :, FRAMES].sum(1).tolist()
    columns = (
        Column("CPU", 5, right=True),
        *(rate(name) for name in FLOWS),
        trend(known.histories.cpus, known.blocks),
        total(),
    )
    rows: list[Cells] = [(place, *speeds[place], place, totals[place]) for place in range(len(totals))]
    return Table("CPUs", columns, rows, 1)


def held(known: Known) -> Table:
    """What the tables of connections and of proven sources hold."""
    columns = (
        Column("table", 16),
        Column("on", 12),
        Column("what", 24),
        Column("count", 14, lambda number: f"{number:,}", right=True),
        Column("share", 8, lambda part: f"{part:.1%}", right=True),
        Column("", 20, lambda part: "#" * round(min(part, 1) * 20), grows=True, spare=True, drawn=True),
    )
    rows = list[Cells]()
    for interface, one in known.picture.sight.connections:
        room = max(one.capacity, 1)
        counts = {f"all, of {one.capacity:,}": one.count}
        counts |= {f"origin {name}": count for name, count in one.origins.items()}
        counts |= {f"state {name}": count for name, count in one.states.items()}
        rows += [("connections", interface, name, count, count / room, count / room) for name, count in counts.items()]
    for interface, other in known.picture.sight.sources:
        room = max(other.capacity, 1)
        for name, count in ((f"all, of {other.capacity:,}", other.count), ("blocked", other.waiting)):
            rows.append(("proven sources", interface, name, count, count / room, count / room))
    return Table("connections", columns, rows, empty="no connection table")


def rules(known: Known) -> Table:
    """Each rule and what it matches."""
    sight, rates = known.picture.sight, known.picture.rates
    now = rates.rules if rates else ((0.0, 0.0),) * len(sight.rules)
    columns = (
        Column("host", 12),
        Column("rule", 30, grows=True),
        rate("frames/s"),
        rate("over/s"),
        total("frames", 14),
    )
    rows: list[Cells] = [
        (one.host or "all hosts", one.rule, *speeds, one.frames) for one, speeds in zip(sight.rules, now, strict=True)
    ]
    return Table("rules", columns, rows, 2, empty="no rules")


def hitters(known: Known) -> Table:
    """Where most of what is dropped comes from, and where to, by samples."""
    columns = (
        Column("kind", 16),
        Column("of dropped frames", 43),
        rate("frames/s"),
        Column("share", 7, lambda part: f"{part:.1%}", right=True),
    )
    if known.hitters is None:
        return Table("sources", columns, [], 2, empty=known.why_not or NOT_AVAILABLE)
    found = [(kind, one) for kind in KINDS for one in known.hitters.top(kind, MOST_HITTERS, known.host)]
    rows: list[Cells] = [(kind, one.key, one.rate, one.share) for kind, one in found]
    return Table("sources", columns, rows, 2, empty="no samples yet: no frames are being dropped")


def shown(table: Table, cells: Sequence[object]) -> list[str]:
    """A row's cells as text."""
    return [column.show(cell) for column, cell in zip(table.columns, cells, strict=True)]
