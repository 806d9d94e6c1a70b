"""What some commands need beyond what every command does: the packages of the extras `lab` and `compiler`."""

from __future__ import annotations

from importlib.util import find_spec

from hardtack.mistake import Mistake

COMPILER = ("numba", "elftools")
LAB = ("matplotlib", "numba", "pyroute2")


class NotInstalled(Mistake):
    """A package that only some commands need."""

    status = 1


def require_compiler() -> None:
    """NotInstalled."""
    if missing := [name for name in COMPILER if not find_spec(name)]:
        raise NotInstalled(f"this needs {', '.join(missing)}, which is not installed: pip install 'hardtack[compiler]'")


def require_lab() -> None:
    """NotInstalled, before anything is imported that imports them."""
    if missing := [name for name in LAB if not find_spec(name)]:
        raise NotInstalled(f"the lab needs {', '.join(missing)}, which is not installed: pip install 'hardtack[lab]'")
