"""The Python packages that Hardtack needs at run time, as locked, for the guest's architecture and Python 3.11.

Numba is not among them: to compile the front takes a guest minutes, and all that it loads but rules is compiled here.
"""

from __future__ import annotations

import hashlib
import re
import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

from hardtack.lab.machines.archive import run
from hardtack.lab.machines.kernels import Arch
from hardtack.lab.namespaces import LabError

HERE = Path(__file__).parents[4]
PLATFORMS = {"amd64": "x86_64", "arm64": "aarch64"}  # as wheels call them
FROM_LAB = ("pyroute2",)
NAME = re.compile(r"[\w.-]+")


def wanted() -> str:
    """Their part of requirements.txt. LabError if this is not a clone of the project."""
    if not (HERE / "pyproject.toml").exists():
        raise LabError("this is for a clone of the project: the guest gets what is built from its source")
    locked = blocks((HERE / "requirements.txt").read_text())
    return "".join(locked[name] for name in needed(locked))


def digest(requirements: str) -> str:
    """Which packages these are."""
    return hashlib.sha256(requirements.encode()).hexdigest()[:12]


def install(requirements: str, target: Path, arch: Arch) -> None:
    """Put them below `target`, by pip."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as written:
        written.write(requirements)
        written.flush()
        platforms = [f"--platform=manylinux{version}_{PLATFORMS[arch]}" for version in ("_2_17", "2014", "_2_28")]
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--target", str(target)]
        how = ["--no-deps", "--require-hashes", "--no-compile", "--only-binary=:all:", "--python-version=3.11", *platforms]
        run([*pip, *how, "-r", written.name])


def blocks(requirements: str) -> dict[str, str]:
    """requirements.txt by package: each with its version and hashes."""
    found: dict[str, str] = {}
    for block in re.split(r"^(?=[a-z])", requirements, flags=re.MULTILINE):
        if block and (name := NAME.match(block)):
            found[name[0]] = found.get(name[0], "") + block  # of several, by version of Python, pip takes the right one
    return found


def needed(locked: dict[str, str]) -> list[str]:
    """The run-time dependencies of the front, and what the lab needs besides, all the way down."""
    waiting = [*_dependencies("hardtack"), *FROM_LAB]
    found: dict[str, None] = {}
    while waiting:
        name = waiting.pop()
        if name in locked and name not in found:
            found[name] = None
            waiting += _dependencies(name)
    return [*found]


def _dependencies(name: str) -> Iterator[str]:
    for requirement in requires(name) or []:
        if "extra ==" not in requirement and (match := NAME.match(requirement)):
            yield re.sub(r"[-_.]+", "-", match[0]).lower()
