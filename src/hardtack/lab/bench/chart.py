"""The run as a chart: what a frame costs each contestant, and where hardtack's own nanoseconds go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hardtack.lab.bench import kinds
from hardtack.lab.bench.figures import Figure
from hardtack.lab.bench.kinds import ACKS, EVERY, FEW, KNOWN, MANY, STEPPED, TRAIN, TRAINS, VERSIONS
from hardtack.lab.bench.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Told apart by the colour-blind too, and in grey
OURS, LIMITS, THEIRS = "#2a9d8f", "#8fa3ad", "#e76f51"
BOUNDS = ("drop", "mirror", "straight")  # what nobody can do without
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
STEPS = {"syn": "a SYN, step by step", "ack": "a forged ACK, step by step", "known": "a known segment, step by step"}


def draw(results: Results, paths: Iterable[Path]) -> None:
    """Write it to each of `paths`, whose suffix says in which format."""
    import matplotlib

    matplotlib.use("Agg")  # a file, never a window
    from matplotlib import pyplot

    with pyplot.style.context(STYLE):
        figure, panels = pyplot.subplots(5, 2, figsize=(17, 19), height_ratios=(4, 6, 6, 6, 5))
        for column, version in zip(panels.T, VERSIONS, strict=True):
            _draw_syns(column[0], results, version)
            _draw_others(column[1], results, version)
            for panel, sends in zip(column[2:], STEPS, strict=True):
                _draw_steps(panel, results, next(one for one in STEPPED if (one.version, one.sends) == (version, sends)))
        figure.suptitle("What a frame costs", x=0.01, ha="left", fontsize=16, fontweight="bold")
        about = results.machine
        where = f"hardtack {about['hardtack']}, {about['kernel']}, {about['processor']}, {about['date']}"
        told = f"bars: lower quartile of {results.effort.rounds} rounds; lines: middle half. {where}"
        figure.text(0.99, 0.004, told, ha="right", fontsize=8, color=FAINT)
        figure.tight_layout(rect=(0, 0.01, 1, 0.99))
        for path in paths:
            figure.savefig(path, dpi=150)
        pyplot.close(figure)


def _draw_syns(panel: Axes, results: Results, version: int) -> None:
    """What SYNs with options cost everybody."""
    kind = kinds.IPV4 if version == 4 else kinds.IPV6
    figures = [one for one in results.figures if one.kind == kind.name]
    _draw_costs(panel, figures, [one.title for one in figures])
    panel.set_title(kind.title, loc="left", fontweight="bold")


def _draw_others(panel: Axes, results: Results, version: int) -> None:
    """What forged ACKs cost, and segments of known connections."""
    wanted = {kind.name: "forged ACK" for kind in ACKS if kind.version == version}
    wanted |= {kind.name: f"{kind.crowd:,} known" for kind in KNOWN if kind.version == version}
    wanted |= {kind.name: f"any of {kind.crowd:,}" for kind in EVERY if kind.version == version}
    wanted |= {kind.name: f"any of {kind.crowd:,}, by {TRAIN}s" for kind in TRAINS if kind.version == version}
    bounds = {kind.name for kind in (*ACKS, *KNOWN) if kind.crowd in (0, MANY)}  # the same for every number of connections
    shown = [one for one in results.figures if one.kind in wanted and (one.contestant not in BOUNDS or one.kind in bounds)]
    _draw_costs(panel, shown, [f"{wanted[one.kind]}: {_short(one)}" for one in shown])
    panel.set_title(f"forged ACKs, known connections, {VERSIONS[version]}", loc="left", fontweight="bold")


def _short(figure: Figure) -> str:
    return figure.title.replace(f"{MANY:,} known", "table full").replace(f"{FEW} known", "table empty")


def _draw_costs(panel: Axes, figures: Sequence[Figure], titles: Sequence[str]) -> None:
    """A bar for each contestant; on a linear scale, so that lengths may be compared."""
    for place, figure in enumerate(figures):
        colour = LIMITS if figure.contestant in BOUNDS else OURS if figure.contestant.startswith("hardtack") else THEIRS
        panel.barh(place, figure.quiet, color=colour, height=0.7)
        panel.hlines(place, figure.quiet, figure.upper, color=INK, linewidth=1)
        panel.annotate(f" {figure.quiet:,.0f}", (figure.upper, place), va="center")
    panel.set_yticks(range(len(figures)), titles)
    panel.invert_yaxis()
    panel.tick_params(axis="y", length=0)
    panel.margins(x=0.12)
    panel.set_xlabel("CPU ns a frame on the receiving core")


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
    panel.set_title(STEPS[kind.sends], loc="left")
    panel.set_xlabel("ns in the program, on the wire's frames")
