"""Makes the pictures of `hardtack status` and `hardtack top` in docs/ anew, of a real front under a small flood.

    PYTHONPATH=src:tests .venv/bin/python scripts/pictures.py      as root; takes a minute

The network is the lab's, the configuration docs/first-hour.md's. A picture is what stood on a terminal, drawn as SVG.
"""

from __future__ import annotations

import io
import re
import sys
import tempfile
from itertools import groupby
from pathlib import Path

import pyte
from doc_ground import ROOT, World, world
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.style import Style
from rich.text import Text
from terminal_ground import terminal

PLAIN, SCREEN = (150, 50), (110, 30)  # columns and rows of the terminal
FRONT = "hardtack front /etc/hardtack/hardtack.toml"
AGENT = "hardtack agent --interface eth0 --key /etc/hardtack/key"


def drawn(raw: bytes, size: tuple[int, int]) -> Text:
    """What stands on the screen, with its colours: as few pieces as there are changes of style."""
    screen = pyte.Screen(*size)
    pyte.ByteStream(screen).feed(raw)
    text = Text()
    for y in range(size[1]):
        cells = [screen.buffer[y][x] for x in range(size[0])]
        for style, run in groupby(cells, lambda cell: Style(**style_of(cell), bold=cell.bold, reverse=cell.reverse)):
            text.append("".join(cell.data or " " for cell in run), style)
        text.append("\n")
    text.rstrip()
    return text


def style_of(cell: pyte.screens.Char) -> dict[str, str]:
    """Colours as rich writes them."""
    names = {"fg": "color", "bg": "bgcolor"}
    values = {name: getattr(cell, name) for name in names}
    return {names[name]: colour(value) for name, value in values.items() if value != "default"}


def colour(value: str) -> str:
    """pyte's colours: six hexadecimal digits, or a name."""
    if re.fullmatch(r"[0-9a-f]{6}", value):
        return f"#{value}"
    return {"brown": "yellow"}.get(value, re.sub("^bright(?=[a-z])", "bright_", value))


def save(text: Text, title: str, columns: int, path: Path) -> None:
    """As SVG, which loads no font from elsewhere."""
    console = Console(record=True, width=columns, file=io.StringIO(), color_system="truecolor", force_terminal=True)
    console.print(text)
    plain = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
    path.write_text(console.export_svg(title=title, code_format=plain, unique_id=path.stem), encoding="utf-8")
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB", file=sys.stderr)


def shown(ground: World, command: str, name: str, *, until: int = 0) -> None:
    """A picture of one command in docs/; of one that goes on, when it has written so many bytes."""
    size = SCREEN if until else PLAIN
    with terminal(ground.line(f"exec {command}"), ground.net.front, size) as screen:
        if until:
            screen.until(lambda: len(screen.raw) > until)
            raw = screen.raw
            screen.press("q")
        else:
            assert screen.status() == 0
            raw = screen.raw
    save(drawn(raw, size), command, size[0], ROOT / "docs" / name)


def main() -> None:
    """Both pictures."""
    with tempfile.TemporaryDirectory() as folder, world(Path(folder)) as ground:
        ground.run("mkdir -p /etc/hardtack; hardtack key /etc/hardtack/key", "front")
        ground.start(AGENT, "server", r"\bready\b")
        ground.write("first-hour.md", 1)
        ground.start(FRONT, "front", r"\bready\b")
        with ground.traffic(20_000):
            ground.run("sleep 30; hardtack protect web on; sleep 5", "front")  # when the grace period is over
            shown(ground, "hardtack status", "status.svg")
            shown(ground, "hardtack top", "top.svg", until=60_000)


if __name__ == "__main__":
    main()
