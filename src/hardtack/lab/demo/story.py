"""The demo from beginning to end, and what came of it: table, chart, numbers, exit status."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rich.console import Console

from hardtack.compiler.objects import compiled
from hardtack.lab import programs
from hardtack.lab.demo.act import PHASES, play
from hardtack.lab.demo.chart import draw
from hardtack.lab.demo.defence import Handshake
from hardtack.lab.demo.display import display
from hardtack.lab.demo.figures import figures, machine, timeline
from hardtack.lab.demo.goals import goals, passed, verdict
from hardtack.lab.demo.honest import CLIENTS, PATIENCE
from hardtack.lab.demo.measure import Measured
from hardtack.lab.demo.stage import stage
from hardtack.lab.demo.table import table
from hardtack.lab.namespaces import LabError
from hardtack.packet.programs import SHIPPED


def run(seconds: float, mpps: float, out: Path, handshake: Handshake = "agent", as_json: bool = False) -> int:
    """Play it, show it, save it. Exit status 0 only if no phase with hardtack missed a goal; LabError if it cannot be.

    With `as_json` standard output has the numbers, and standard error what people read.
    """
    console = Console(stderr=as_json)
    if not find_spec("matplotlib"):  # told now, not in three minutes
        raise LabError("the demo draws with matplotlib, which is not installed: pip install 'hardtack[lab]'")
    with stage() as on, display(console, PHASES) as show:
        out.mkdir(parents=True, exist_ok=True)
        show.note("compiling packet programs, if not in the cache")
        for source in (*SHIPPED, programs.FLOOD):
            compiled(source)
        settings = {"patience_s": PATIENCE, "clients": CLIENTS, "flood_wanted_mpps": mpps, "server": on.defaults()}
        measured, counted = play(on, seconds, mpps, show, handshake)
    console.print(table(PHASES, measured))
    numbers = {**machine(), "handshake": handshake, "settings": settings, **story(measured)}
    numbers["counted_with_hardtack"] = counted
    saved = save(measured, numbers, out)
    if as_json:
        print(json.dumps(numbers, indent=2))
    console.print(f"chart: {saved[0]}\nnumbers: {saved[1]}", highlight=False, soft_wrap=True)
    console.print(verdict(measured), highlight=False, soft_wrap=True)
    return 0 if numbers["passed"] else 1


def story(measured: list[Measured]) -> dict[str, Any]:
    """What was measured as JSON has it; times in s since the demo began."""
    zero = measured[0].began
    phases = [{**figures(one), "timeline": timeline(one, zero)} for one in measured]
    return {"passed": passed(measured), "goals": goals(measured), "phases": phases}


def save(measured: list[Measured], numbers: dict[str, Any], out: Path) -> tuple[Path, Path]:
    """Write chart and numbers; their paths."""
    chart, file = out / "demo.png", out / "demo.json"
    draw(measured, chart)
    file.write_text(json.dumps(numbers, indent=2) + "\n", encoding="ascii")
    return chart, file
