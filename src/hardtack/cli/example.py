"""`hardtack example`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

FILES = {
    "configuration": "hardtack.toml",
    "front": "systemd/hardtack-front.service",
    "agent": "systemd/hardtack-agent@.service",
    "target": "systemd/hardtack.target",
    "sysusers": "sysusers.d/hardtack.conf",
    "tmpfiles": "tmpfiles.d/hardtack.conf",
}


def example(
    what: Annotated[
        Literal["configuration", "front", "agent", "target", "sysusers", "tmpfiles"],
        typer.Argument(help="The configuration; a unit of systemd; the user that they run as; their folder in /run."),
    ] = "configuration",
) -> None:
    """Print an example: a configuration with every key there is, or what systemd wants.

    Example: hardtack example > hardtack.toml
    """
    package = Path(__file__).parents[1]
    places = (package / "examples", package.parents[1] / "etc")  # in the wheel, in a checkout
    folder = next(folder for folder in places if folder.is_dir())
    typer.echo((folder / FILES[what]).read_text(encoding="utf-8"), nl=False)
