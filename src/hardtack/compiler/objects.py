"""Compiled programs, found or made: in the wheel, in the user's cache, or compiled now.

The cache is keyed by a hash of everything that goes in, so an edit to any source is noticed and a stale object is never
used; Numba's own cache would not see an edit in another file. Standard library only until something must be compiled.
"""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from hardtack.compiler.errors import CompileError
from hardtack.compiler.program import Source
from hardtack.image import Image

PACKAGE = Path(__file__).parent.parent
PREBUILT = PACKAGE / "prebuilt"
PROGRAM_PACKAGES = ("compiler", "packet")  # what every program is made of, apart from its own module
TOOLS = ("numba", "llvmlite", "numpy")
MOST_OBJECTS = 64  # kept in the cache; the oldest go


def compiled(source: Source) -> Image:
    """The eBPF image of a program. CompileError if it cannot be compiled, or must be and the compiler is not installed."""
    return prebuilt(source.name, source) or Image.loads(cached(source, "ebpf", _build_image).decode())


def prebuilt(name: str, source: Source | None = None) -> Image | None:
    """The image that came with the wheel, if there is one and it was made from the sources that stand here now."""
    path = PREBUILT / f"{name}.json"
    if not path.is_file():
        return None
    image = Image.loads(path.read_text())
    if image.sources != sources_hash(module_file(source.module) if source else None):
        return None
    return image


@cache
def sources_hash(extra: Path | None = None) -> str:
    """SHA-256 over name and content of every file that a program is made of."""
    files = [PACKAGE / "image.py"]
    for package in PROGRAM_PACKAGES:
        files += sorted((PACKAGE / package).rglob("*.py"))
    return _digest(_content(file) for file in [*files, *([extra] if extra and extra not in files else [])])


def module_file(module: str) -> Path | None:
    """Where a module's source lies, without importing it."""
    spec = find_spec(module)
    return Path(spec.origin) if spec and spec.origin else None


def cache_directory() -> Path:
    """$XDG_CACHE_HOME/hardtack, else ~/.cache/hardtack."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "hardtack"


def _content(file: Path) -> bytes:
    return file.name.encode() + b"\0" + file.read_bytes() + b"\0"


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _key(source: Source, target: str) -> str:
    tools = []
    for tool in TOOLS:
        try:
            tools.append(f"{tool} {version(tool)}")
        except PackageNotFoundError:
            tools.append(f"{tool} none")
    facts = (repr(source), target, platform.python_version(), *tools, sources_hash(module_file(source.module)))
    return _digest(fact.encode() + b"\0" for fact in facts)


def cached(source: Source, target: str, build: Callable[[Source], bytes]) -> bytes:
    """The object of a program for a target, from the cache or from `build`. A cache that cannot be written is no error."""
    directory = cache_directory()
    path = directory / f"{source.name}-{_key(source, target)}.{target}"
    with suppress(OSError):
        return path.read_bytes()
    made = build(source)
    with suppress(OSError):
        directory.mkdir(parents=True, exist_ok=True)
        written = path.with_suffix(f".{os.getpid()}")
        written.write_bytes(made)
        written.replace(path)  # whole or not at all, whoever else compiles at the same time
        _sweep(directory)
    return made


def _sweep(directory: Path) -> None:
    """Forget the objects that were made longest ago."""
    objects = sorted(directory.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in objects[MOST_OBJECTS:]:
        path.unlink(missing_ok=True)


def _build_image(source: Source) -> bytes:
    try:
        from hardtack.compiler import ebpf, frontend
    except ModuleNotFoundError as error:
        raise CompileError(
            f"program {source.name} must be compiled, but {error.name} is not installed; pip install 'hardtack[compiler]'"
        ) from error
    image = ebpf.build(source, frontend.to_ir(source.function()), sources_hash(module_file(source.module)))
    return image.dumps().encode()
