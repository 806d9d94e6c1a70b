"""`hardtack example`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

FILES = {
    "configuration": "hardtack.toml",
    "front": "systemd/hardtack-front.service",
    "agent": "systemd/hardtack-agent@.service",
    "sysusers": "sysusers.d/hardtack.conf",
}


def example(
    what: Annotated[
        Literal["configuration", "front", "agent", "sysusers"],
        typer.Argument(
            metavar="WHAT", help="The configuration, the systemd unit of a front or an agent, or the user that they run as."
        ),
    ] = "configuration",
) -> None:
    """Print an example: a configuration with every key there is, or what systemd wants.

    Example: hardtack example > hardtack.toml
    """
    package = Path(__file__).parents[1]
    places = (package / "examples", package.parents[1] / "etc")  # in the wheel, in a checkout
    folder = next(folder for folder in places if folder.is_dir())
    typer.echo((folder / FILES[what]).read_text(encoding="utf-8"), nl=False)
