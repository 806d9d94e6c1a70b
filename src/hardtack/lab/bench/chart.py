"""The run as a chart: what a SYN costs each contestant, and where hardtack's own nanoseconds go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hardtack.lab.bench import kinds
from hardtack.lab.bench.figures import Figure
from hardtack.lab.bench.results import Results
from hardtack.lab.bench.steps import KINDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Told apart by the colour-blind too, and in grey
OURS, LIMITS, THEIRS = "#2a9d8f", "#8fa3ad", "#e76f51"
COLOURS = {"drop": LIMITS, "mirror": LIMITS, "hardtack": OURS}
INK, FAINT = "#22272e", "#8b949e"
STYLE: dict[str, Any] = {
    "font.size": 10,
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": FAINT,
    "ytick.color": INK,
    "svg.hashsalt": "hardtack",
}


def draw(results: Results, paths: Iterable[Path]) -> None:
    """Write it to each of `paths`, whose suffix says in which format."""
    import matplotlib

    matplotlib.use("Agg")  # a file, never a window
    from matplotlib import pyplot

    with pyplot.style.context(STYLE):
        figure, panels = pyplot.subplots(2, 2, figsize=(13, 8), height_ratios=(5, 6))
        for panel, kind in zip(panels[0], KINDS, strict=True):
            _draw_costs(panel, [one for one in results.figures if one.kind == kind.name], kind)
        for panel, kind in zip(panels[1], KINDS, strict=True):
            _draw_steps(panel, results, kind)
        figure.suptitle("What answering a SYN costs", x=0.01, ha="left", fontsize=16, fontweight="bold")
        about = results.machine
        where = f"hardtack {about['hardtack']}, {about['kernel']}, {about['processor']}, {about['date']}"
        told = f"bars: lower quartile of {results.effort.rounds} rounds; lines: middle half. {where}"
        figure.text(0.99, 0.008, told, ha="right", fontsize=8, color=FAINT)
        figure.tight_layout(rect=(0, 0.02, 1, 1))
        for path in paths:
            figure.savefig(path, dpi=150)
        pyplot.close(figure)


def _draw_costs(panel: Axes, figures: Sequence[Figure], kind: kinds.Kind) -> None:
    """A bar for each contestant; on a linear scale, so that lengths may be compared."""
    for place, figure in enumerate(figures):
        panel.barh(place, figure.quiet, color=COLOURS.get(figure.contestant, THEIRS), height=0.7)
        panel.hlines(place, figure.quiet, figure.upper, color=INK, linewidth=1)
        panel.annotate(f" {figure.quiet:,.0f}", (figure.upper, place), va="center")
    panel.set_yticks(range(len(figures)), [figure.title for figure in figures])
    panel.invert_yaxis()
    panel.tick_params(axis="y", length=0)
    panel.margins(x=0.12)
    panel.set_title(kind.title, loc="left", fontweight="bold")
    panel.set_xlabel("CPU ns per SYN on the receiving core")


def _draw_steps(panel: Axes, results: Results, kind: kinds.Kind) -> None:
    """Each step begins where the one before it ended; one that seems to save time is noise, and grey."""
    found = [step for step in results.steps if step.kind == kind.name]
    for place, step in enumerate(found):
        begin = step.quiet_total - step.quiet
        panel.barh(place, step.quiet, left=begin, color=OURS if step.quiet > 0 else LIMITS, height=0.7)
        panel.annotate(f" {step.quiet:.0f}", (max(step.quiet_total, begin), place), va="center")
    panel.set_yticks(range(len(found)), [step.title for step in found])
    panel.invert_yaxis()
    panel.tick_params(axis="y", length=0)
    panel.margins(x=0.08)
    panel.set_title("hardtack's program, step by step", loc="left")
    panel.set_xlabel("ns in the program, on the wire's frames")
