"""Images that came with the wheel, compiled where it was built. Standard library only: an agent needs no more."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from hardtack.image import Image

PACKAGE = Path(__file__).parent
FOLDER = PACKAGE / "prebuilt"
PROGRAM_PACKAGES = ("compiler", "packet")  # what every program is made of, apart from its own module


def prebuilt(name: str, sources: str) -> Image | None:
    """The image of a program, if it came with the wheel and was made from sources of this hash. ImageError if damaged."""
    path = FOLDER / f"{name}.json"
    if not path.is_file():
        return None
    image = Image.loads(path.read_text())
    return image if image.sources == sources else None


@cache
def sources_hash(extra: Path | None = None) -> str:
    """SHA-256 over name and content of every file that a program is made of.

    `extra` is the program's own, if it lies elsewhere: it may need anything in its folder.
    """
    files = [PACKAGE / "image.py"]
    for package in PROGRAM_PACKAGES:
        files += sorted((PACKAGE / package).rglob("*.py"))
    if extra and extra not in files:
        files += sorted(extra.parent.glob("*.py"))
    digest = hashlib.sha256()
    for file in files:
        name = file.relative_to(PACKAGE).as_posix() if file.is_relative_to(PACKAGE) else file.name
        digest.update(name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()
