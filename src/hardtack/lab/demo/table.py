"""The demo's table: a column for each phase, filled in as it goes on. It fits into 80 columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from hardtack.lab.demo.figures import figures
from hardtack.lab.demo.measure import Measured, Phase


def table(phases: Sequence[Phase], measured: Sequence[Measured]) -> Table:
    """As much of it as is known."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=0)
    made.add_column("", no_wrap=True)
    for phase in phases:
        made.add_column(phase.title.replace(",", "").replace(" ", "\n"), justify="right")
    columns = [column(figures(one)) for one in measured]
    for number, label in enumerate(LABELS):
        cells = [each[number] for each in columns]
        made.add_row(label, *cells, *[""] * (len(phases) - len(cells)))
    return made


LABELS = (
    "requests served",
    "requests failed",
    "served per second",
    "connect, 50 %, ms",
    "connect, 99 %, ms",
    "flood sent, Mpps",
    "flood taken, Mpps",
    "Linux' cookies, k",
    "Linux' resets, k",
    "CPU, receiving",
    "  ns per frame",
    "CPU, softirqs",
)


def column(of: dict[str, Any]) -> list[Text]:
    """A phase's cells, in the order of LABELS."""
    flood, cpu = of["flood_mpps"], of["front_cpu"]
    return [
        Text(f"{of['served']:,}", "green" if of["served"] else "red"),
        Text(f"{of['failed']:,}", "bold red" if of["failed"] else "green"),
        cell(of["served_per_second"], ",.0f"),
        cell(of["connect_ms"]["median"], ",.1f"),
        cell(of["connect_ms"]["p99"], ",.1f"),
        cell(flood and flood["sent"], ".2f"),
        cell(flood and flood["taken"], ".2f"),
        thousands(of["kernel_cookies"]),
        thousands(of["kernel_resets"]),
        cell(cpu["receiving"], ".0%"),
        cell(cpu["ns_per_frame"], ",.0f"),
        cell(cpu["softirq"], ".0%"),
    ]


def thousands(number: int) -> Text:
    """Rounded, but something is not nothing."""
    return Text("<1" if 0 < number < 1000 else f"{number // 1000:,}")


def cell(value: float | None, form: str) -> Text:
    """A number; a dash where there is none."""
    return Text("-", "dim") if value is None else Text(f"{value:{form}}")
