"""The demo's table: a column for each phase, filled in as it goes on."""

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
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    made.add_column("", no_wrap=True)
    for phase in phases:
        made.add_column(phase.title, justify="right")
    columns = [column(figures(one)) for one in measured]
    for number, label in enumerate(LABELS):
        cells = [each[number] for each in columns]
        made.add_row(label, *cells, *[""] * (len(phases) - len(cells)))
    return made


LABELS = (
    "requests served",
    "requests failed",
    "served per second",
    "connect, median",
    "connect, 99th percentile",
    "flood sent",
    "flood taken by the front",
    "cookies by Linux itself",
    "front's CPU, receiving",
    "  per frame",
    "front's CPU, softirqs",
)


def column(of: dict[str, Any]) -> list[Text]:
    """A phase's cells, in the order of LABELS."""
    flood, cpu = of["flood_mpps"], of["front_cpu"]
    failed = f"{of['failed']:,}" + "".join(f" {kind}" for kind in of["failures"])
    return [
        Text(f"{of['served']:,}", "green" if of["served"] else "red"),
        Text(failed, "bold red" if of["failed"] else "green"),
        cell(of["served_per_second"], ",.0f"),
        cell(of["connect_ms"]["median"], ",.2f", " ms"),
        cell(of["connect_ms"]["p99"], ",.2f", " ms"),
        cell(flood and flood["sent"], ".2f", " Mpps"),
        cell(flood and flood["taken"], ".2f", " Mpps"),
        cell(of["kernel_cookies"], ","),
        cell(cpu["receiving"], ".0%"),
        cell(cpu["ns_per_frame"], ",.0f", " ns"),
        cell(cpu["softirq"], ".0%"),
    ]


def cell(value: float | None, form: str, unit: str = "") -> Text:
    """A number with its unit; a dash where there is none."""
    return Text("-", "dim") if value is None else Text(f"{value:{form}}{unit}")
