"""The `hardtack` command. Each subcommand is a file here, and imports what it needs when it runs: `--help` is quick."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys

from hardtack.printable import printable

INTERRUPTED = 128 + signal.SIGINT
UNREAD = 128 + signal.SIGPIPE
FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO)


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
        return complain("the command line needs the packages that `pip install hardtack` installs; "
                        "the agent alone needs none of them: python3 -P -m hardtack.agent", 1)  # fmt: skip

    from hardtack.cli import completion
    from hardtack.cli.app import NAMES, app

    try:
        if completion.asked_for(arguments):
            print("\n".join(completion.install(arguments)))
            return 0
        status: int = app(meant(arguments), prog_name="hardtack", standalone_mode=False) or 0
        sys.stdout.flush()
        return status
    except TyperException as error:
        from hardtack.cli.usage import usage

        return complain(usage(error, arguments, NAMES), 2)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # nobody reads any more: nothing is left to be flushed at the end
        return UNREAD
    except OSError as error:
        return complain(str(error) if ours(error) else reason_of(error), 1)
    except Exception as error:
        if not ours(error):
            raise
        return complain(str(error), getattr(error, "status", 1))


def reason_of(error: OSError) -> str:
    """What the kernel said, and about which file; a full disk that names none is where standard output goes."""
    name = error.filename or ("standard output" if error.errno in FULL else "")
    return f"{name}: {error.strerror}" if name else error.strerror or str(error)


def ours(error: Exception) -> bool:
    """Whether this project defined the error: then its message names the thing, the place and the remedy."""
    return type(error).__module__.startswith("hardtack.")


def meant(arguments: list[str]) -> list[str]:
    """`help` and `help COMMAND` are ways to write --help."""
    if arguments[:1] == ["help"]:
        return [*arguments[1:], "--help"]
    return arguments or ["--help"]


def complain(message: str, status: int) -> int:
    """Write `message` to standard error, each line marked as ours; the status as given."""
    for line in message.split("\n"):
        print(f"hardtack: {printable(line)}", file=sys.stderr)
    return status
