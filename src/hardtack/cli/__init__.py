"""The `hardtack` command. Each subcommand is a file here, and imports what it needs when it runs: `--help` is quick."""

from __future__ import annotations

import io
import signal
import sys
from typing import TYPE_CHECKING

from hardtack.printable import printable

if TYPE_CHECKING:
    from typer import TyperException

INTERRUPTED = 128 + signal.SIGINT


def main() -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong usage or configuration, 130 interrupted.

    SIGINT interrupts also where it was ignored, as by a shell's background jobs: who sends one means it.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if sys.argv[1:2] in (["front"], ["agent"]):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until it is heeded: they would die of it, a clean end for systemd
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # whatever the locale cannot say
    try:
        sys.exit(run(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def run(arguments: list[str]) -> int:
    """The exit status of one command line. What the user can put right is told in a line; a bug keeps its traceback."""
    try:
        from typer import TyperException
    except ModuleNotFoundError:
        return complain("the command line needs the packages that `pip install hardtack` brings; "
                        "an agent alone needs none: python3 -P -m hardtack.agent", 1)  # fmt: skip

    from hardtack.cli.app import app

    try:
        return app(arguments or ["--help"], prog_name="hardtack", standalone_mode=False) or 0
    except TyperException as error:
        return complain(usage(error), 2)
    except OSError as error:
        return complain(str(error) if ours(error) or not error.filename else f"{error.filename}: {error.strerror}", 1)
    except Exception as error:
        if not ours(error):
            raise
        return complain(str(error), getattr(error, "status", 1))


def ours(error: Exception) -> bool:
    """Whether this project defined the error: then its message names the thing, the place and the remedy."""
    return type(error).__module__.startswith("hardtack.")


def usage(error: TyperException) -> str:
    """A usage error in one line, and where to read on."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "hardtack"
    return f"{' '.join(error.format_message().split()).rstrip('.')}; see: {command} --help"


def complain(message: str, status: int) -> int:
    """Write `message` to standard error, each line marked as ours; the status as given."""
    for line in message.split("\n"):
        print(f"hardtack: {printable(line)}", file=sys.stderr)
    return status
