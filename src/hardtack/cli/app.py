"""The commands, put together in the order in which people meet them."""

from __future__ import annotations

from typing import Annotated

import typer

from hardtack import __version__
from hardtack.cli.agent import agent
from hardtack.cli.bench import bench
from hardtack.cli.capture import capture
from hardtack.cli.check import check
from hardtack.cli.connections import connections
from hardtack.cli.demo import demo
from hardtack.cli.detach import detach
from hardtack.cli.doctor import doctor
from hardtack.cli.example import example
from hardtack.cli.explain import explain
from hardtack.cli.filter import filter
from hardtack.cli.front import front
from hardtack.cli.key import key
from hardtack.cli.labels import Command, Group
from hardtack.cli.protect import protect
from hardtack.cli.reload import reload
from hardtack.cli.replay import replay
from hardtack.cli.report import report
from hardtack.cli.seed import seed
from hardtack.cli.sources import sources
from hardtack.cli.status import status
from hardtack.cli.top import top

app = typer.Typer(
    help=(
        "Keeps TCP services reachable under a SYN flood.\n\nA **front** answers every SYN itself with a cookie "
        "that costs no memory; the **agent** on a protected host turns returned cookies into "
        "connections. All they share is a key file.\n\nFirst steps: hardtack doctor; hardtack key FILE; hardtack check "
        "CONFIG; hardtack front CONFIG. To see it work: hardtack demo. Help on a command: hardtack help COMMAND."
    ),
    cls=Group,
    context_settings={"help_option_names": ["--help", "-h"]},
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


def show_version(wanted: bool) -> None:
    """Print the version and stop."""
    if wanted:
        typer.echo(f"hardtack {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """What stands before the command's name."""


BEFORE, AT_WORK = (doctor, key, example, check, filter), (status, top, connections, sources, seed)
FRAMES, LAB = (capture, explain, replay, report), (demo, bench)

COMMANDS = (*BEFORE, front, reload, protect, agent, detach, *AT_WORK, *FRAMES, *LAB)
NAMES = tuple(command.__name__ for command in COMMANDS)

for command in COMMANDS:
    app.command(cls=Command)(command)
