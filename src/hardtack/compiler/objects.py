"""Compiled programs, found or made: from the wheel, from the user's cache, or compiled now.

The cache is keyed by a hash of everything that goes in, so an edit to any source is noticed and a stale object is never
used; Numba's own cache would not see an edit in another file. Standard library only until something must be compiled.
"""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from hardtack.compiler.errors import CompileError
from hardtack.compiler.program import Source
from hardtack.image import Image
from hardtack.prebuilt import prebuilt, sources_hash

TOOLS = ("numba", "llvmlite", "numpy")
MOST_OBJECTS = 64  # kept in the cache; the oldest go


def compiled(source: Source) -> Image:
    """The eBPF image of a program. CompileError if it cannot be compiled, or must be and the compiler is not installed."""
    sources = sources_hash(module_file(source.module))
    return prebuilt(source.name, sources) or Image.loads(cached(source, "ebpf", _build_image).decode())


def module_file(module: str) -> Path | None:
    """Where a module's source lies, without importing it."""
    spec = find_spec(module)
    return Path(spec.origin) if spec and spec.origin else None


def cache_directory() -> Path:
    """$XDG_CACHE_HOME/hardtack, else ~/.cache/hardtack."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "hardtack"


def _key(source: Source, target: str) -> str:
    tools = []
    for tool in TOOLS:
        try:
            tools.append(f"{tool} {version(tool)}")
        except PackageNotFoundError:
            tools.append(f"{tool} none")
    facts = (repr(source), target, platform.python_version(), *tools, sources_hash(module_file(source.module)))
    return hashlib.sha256("\0".join(facts).encode()).hexdigest()


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
