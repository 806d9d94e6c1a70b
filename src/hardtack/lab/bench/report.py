"""The run's figures as tables for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from hardtack.lab.bench.figures import Figure, Step
from hardtack.lab.bench.goals import Goal

Kinds = Sequence[tuple[str, str]]  # name and title


def show_figures(console: Console, figures: Sequence[Figure], kinds: Kinds) -> None:
    """What a SYN costs."""
    table = _table("CPU ns per SYN on the receiving core", "contestant")
    for heading in ("median", "quarters", "to mirror", "quiet", "Mpps", "answered"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, title in kinds:
        _section(table, title)
        for figure in (figure for figure in figures if figure.kind == name):
            table.add_row(
                figure.title,
                f"{figure.median:,.0f}",
                f"{figure.quiet:,.0f}-{figure.upper:,.0f}",
                f"{figure.ratio:.2f}",
                f"{figure.quiet_ratio:.2f}",
                f"{figure.mpps:.2f}",
                "-" if figure.contestant == "drop" else f"{figure.answered / max(figure.received, 1):.1%}",
            )
    console.print(table)


def show_steps(console: Console, steps: Sequence[Step], kinds: Kinds) -> None:
    """Where each nanosecond goes."""
    table = _table("Where each ns goes: the front's program, step by step", "step")
    for heading in ("own", "in all", "own, quiet", "in all, quiet"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, title in kinds:
        _section(table, title)
        for step in (step for step in steps if step.kind == name):
            row = (step.own, step.total, step.quiet_own, step.quiet_total)
            table.add_row(step.title, *(f"{value:.1f}" for value in row))
    console.print(table)


def _table(title: str, first: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(first, no_wrap=True)
    return table


def _section(table: Table, title: str) -> None:
    table.add_section()
    table.add_row(f"[bold]{title}[/bold]")


def show_goals(console: Console, goals: Sequence[Goal]) -> None:
    """Met or not."""
    for goal in goals:
        met = "[green]met[/green]" if goal.met else "[yellow]not met[/yellow]"
        console.print(f"{goal.text}: {goal.measured:.3f}, goal {goal.limit:.3f} at most: {met}", highlight=False)
