"""The demo's chart: honest requests, the time their connections took, and the flood, on one time axis."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hardtack.lab.demo.figures import figures, machine
from hardtack.lab.demo.measure import Measured, Phase, rates

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Told apart by the colour-blind too, and in grey
SERVED, FAILED, MEDIAN, TAIL, TAKEN, LOST = "#2a9d8f", "#c1121f", "#264653", "#8fa3ad", "#e9c46a", "#e76f51"
INK, FAINT = "#22272e", "#8b949e"
CALM, HARMED, DEFENDED = "#f3f6f8", "#fdf0ec", "#eef7f3"  # behind each phase
STYLE: dict[str, Any] = {
    "font.size": 10,
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "legend.frameon": False,
}


def draw(measured: Sequence[Measured], path: Path) -> None:
    """Write it to `path`, whose suffix says in which format."""
    import matplotlib

    matplotlib.use("Agg")  # a file, never a window
    from matplotlib import pyplot

    zero = measured[0].began
    with pyplot.style.context(STYLE):
        figure, panels = pyplot.subplots(3, 1, figsize=(17, 8), sharex=True, height_ratios=(3, 2, 2))
        draw_requests(panels[0], measured, zero)
        draw_connects(panels[1], measured, zero)
        draw_flood(panels[2], measured, zero)
        for panel in panels:
            shade(panel, measured, zero)
            panel.legend(loc="center left", bbox_to_anchor=(1, 0.5))
        head(panels[0], measured, zero)
        between(panels[0], measured, zero)
        panels[-1].set_xlabel("seconds")
        panels[-1].set_xlim(0, measured[-1].readings[-1].at - zero)
        figure.suptitle("Honest web clients under floods", x=0.01, ha="left", fontsize=16, fontweight="bold")
        about = machine()
        where = f"hardtack {about['hardtack']}, Linux {about['kernel']}; one CPU receives, serves and fetches"
        figure.text(0.99, 0.008, where, ha="right", fontsize=8, color=FAINT)
        figure.align_ylabels(panels)
        figure.tight_layout(rect=(0, 0.015, 1, 1))
        figure.savefig(path, dpi=150)
        pyplot.close(figure)


def draw_requests(panel: Axes, measured: Sequence[Measured], zero: float) -> None:
    """Served, and on top of them failed, per second."""
    for number, one in enumerate(measured):
        seconds = list(one.each_second())
        edges = [start - zero for start, *_ in seconds] + [end - zero for _, end, *_ in seconds[-1:]]
        served = [second[2] for second in seconds]
        asked = [second[2] + second[3] for second in seconds]
        panel.stairs(served, edges, fill=True, color=SERVED, label=once(number, "served"))
        panel.stairs(asked, edges, baseline=served, fill=True, color=FAILED, label=once(number, "failed"))
    panel.set_ylabel("requests per second")
    panel.set_ylim(bottom=0)


def draw_connects(panel: Axes, measured: Sequence[Measured], zero: float) -> None:
    """A dot for every connection would be a cloud: each second's median, and the range from fastest to slowest."""
    for number, one in enumerate(measured):
        points = []
        for (start, end, *_), report in zip(one.each_second(), one.reports, strict=True):
            if times := sorted(report["connect_us"]):
                points.append(((start + end) / 2 - zero, times[0] / 1e3, times[len(times) // 2] / 1e3, times[-1] / 1e3))
        if points:
            at, low, middle, high = zip(*points, strict=True)
            panel.vlines(at, low, high, color=TAIL, linewidth=1.6, label=once(number, "fastest to slowest"))
            panel.plot(at, middle, "o", color=MEDIAN, markersize=3, label=once(number, "median"))
    panel.set_yscale("log")
    panel.set_ylabel("connect time of\nthe served, ms")


def draw_flood(panel: Axes, measured: Sequence[Measured], zero: float) -> None:
    """What the front took from its queue, and on top of it what found the queue full; also between the phases."""
    flood = list(rates([reading for one in measured for reading in one.readings]))
    edges = [start - zero for start, *_ in flood] + [end - zero for _, end, *_ in flood[-1:]]
    taken = [rate / 1e6 for *_, rate in flood]
    sent = [rate / 1e6 for _, _, rate, _ in flood]
    panel.stairs(taken, edges, fill=True, color=TAKEN, label="taken by the front")
    panel.stairs(sent, edges, baseline=taken, fill=True, color=LOST, label="lost, queue full")
    panel.set_ylabel("flood, Mpps")
    panel.set_ylim(bottom=0)


def once(number: int, label: str) -> str:
    """A legend names a thing once: what begins with _ is not in it."""
    return "_" if number else label


def shade(panel: Axes, measured: Sequence[Measured], zero: float) -> None:
    """Each phase in its tint, and nothing else to distract."""
    for one in measured:
        tint = DEFENDED if one.phase.defended else HARMED if one.phase.flooded else CALM
        panel.axvspan(one.began - zero, one.readings[-1].at - zero, color=tint, zorder=-2, linewidth=0)
    panel.grid(axis="y", color=FAINT, alpha=0.2, linewidth=0.6)
    panel.set_axisbelow(True)


def head(panel: Axes, measured: Sequence[Measured], zero: float) -> None:
    """Above each phase its name and what became of its requests."""
    for one in measured:
        of = figures(one)
        middle = (one.began + one.readings[-1].at) / 2 - zero
        fate = f"{of['served']:,} served, {of['failed']:,} failed"
        for text, height, look in (
            (one.phase.title.replace(", ", "\n"), 20, {"fontsize": 11, "fontweight": "bold"}),
            (fate, 6, {"color": FAILED if of["failed"] else SERVED}),
        ):
            panel.annotate(text, (middle, 1), (0, height), xycoords=panel.get_xaxis_transform(),
                           textcoords="offset points", ha="center", **look)  # fmt: skip


def between(panel: Axes, measured: Sequence[Measured], zero: float) -> None:
    """What happened from one phase to the next."""
    for earlier, later in pairwise(measured):
        middle = (earlier.readings[-1].at + later.began) / 2 - zero
        panel.text(middle, 0.5, turn(earlier.phase, later.phase), transform=panel.get_xaxis_transform(), rotation=90,
                   ha="center", va="center", fontsize=8, color=FAINT)  # fmt: skip


def turn(earlier: Phase, later: Phase) -> str:
    """The same in words."""
    flood = f"{later.flood or 'no'} flood".upper().replace("FLOOD", "flood")
    if later.defended and not earlier.defended:
        return f"{flood} goes on, hardtack starts" if later.flood == earlier.flood else f"{flood}, hardtack starts"
    return f"{flood} instead" if earlier.flood else f"{flood} begins"
