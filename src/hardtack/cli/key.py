"""`hardtack key FILE`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def key(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to create; an existing file is never overwritten.")],
) -> None:
    """Create the master key that all fronts and agents share.

    The file (mode 0600) is created once and copied to every machine over a secure channel. Fronts and agents need no
    connection to each other: they derive the same short-lived keys from it and from the time, so keep clocks in sync
    (NTP).

    Example: hardtack key /etc/hardtack/key
    """
    from hardtack.keys import make_key

    make_key(file)
    typer.echo(f"made {file}; copy it to every front and agent, as with: scp -p {file} root@HOST:{file.absolute()}")
