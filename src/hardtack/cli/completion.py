"""`hardtack --install-completion`: for the shell of whoever asks, and it says which files it has written."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from hardtack.mistake import Mistake

OPTION = "--install-completion"
# Shell -> the files that may be written, in the home directory
FILES = {
    "bash": (".bashrc", ".bash_completions/hardtack.sh"),
    "zsh": (".zshrc", ".zfunc/_hardtack"),
    "fish": (".config/fish/completions/hardtack.fish",),
}


class NoShell(Mistake):
    """It is not known whose completion is meant, or for which shell."""

    status = 2


def asked_for(arguments: Sequence[str]) -> bool:
    """Whether a command line is about this."""
    return bool(arguments) and arguments[0] == OPTION


def install(arguments: Sequence[str]) -> Iterator[str]:
    """Install it, for the shell that is named or else $SHELL: each file, made, changed or not. NoShell, OSError."""
    shell, home = shell_of(arguments), home_of()
    files = [home / name for name in FILES[shell]]
    before = {path: read(path) for path in files}

    from typer._completion_shared import install as write  # what --show-completion prints, and where each shell looks

    write(shell=shell, prog_name="hardtack", complete_var="_HARDTACK_COMPLETE")
    for path in files:
        was, now = before[path], read(path)
        if was is None:
            yield f"made {path}"
        elif now is None or was.strip() == now.strip():
            path.write_bytes(was)  # typer adds an empty line each time
            yield f"{path} is unchanged"
        else:
            yield f"changed {path}"
    yield f"{shell} will complete hardtack's commands and options in new shells"


def shell_of(arguments: Sequence[str]) -> str:
    """One of FILES. NoShell."""
    named = arguments[1] if len(arguments) > 1 else Path(os.environ.get("SHELL", "")).name
    if named in FILES:
        return named
    found = f"found {named!r}" if named else "SHELL is not set"
    choices = ", ".join(FILES)
    raise NoShell(f"{found}: name the shell, as hardtack {OPTION} bash; supported: {choices}")


def home_of() -> Path:
    """The home directory that the environment names: nobody else's is guessed. NoShell."""
    home = os.environ.get("HOME", "")
    if not home or not Path(home).is_dir():
        found = f"HOME is {home}, which is not a folder" if home else "HOME is not set"
        raise NoShell(f"{found}: nothing was written; set it, or print the completion: hardtack --show-completion")
    return Path(home)


def read(path: Path) -> bytes | None:
    """What is in a file; None if it is not there."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
