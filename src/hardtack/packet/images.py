"""The images that a wheel carries."""

from __future__ import annotations

from pathlib import Path

from hardtack.compiler import objects
from hardtack.packet.programs import SHIPPED


def build_all(folder: Path) -> None:
    """Compile every program that ships and write its image to `folder`/NAME.json."""
    for source in SHIPPED:
        (folder / f"{source.name}.json").write_text(objects.compiled(source).dumps())
