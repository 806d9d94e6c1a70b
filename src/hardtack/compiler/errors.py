"""Why a packet program could not be compiled, in one line with its Python file and line."""

from __future__ import annotations

from pathlib import Path

from hardtack.mistake import Mistake


class CompileError(Mistake):
    """A construct that a packet program cannot have. `file` and `line` are where it stands in the Python source."""

    status = 1

    def __init__(self, what: str, file: str = "", line: int = 0) -> None:
        self.what, self.file, self.line = what, file, line
        super().__init__(f"{file}:{line}: {what}" if file else what)


def short(path: str) -> str:
    """A source file's name as people know it: from the package on, else the bare name. No path of the build machine."""
    parts = Path(path).parts
    if "hardtack" in parts:
        last = len(parts) - 1 - parts[::-1].index("hardtack")
        return "/".join(parts[last:])
    return parts[-1] if parts else path
