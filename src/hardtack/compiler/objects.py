"""Compiled programs, found or made: from the wheel, from the user's cache, or compiled now.

The cache is keyed by a hash of everything that goes in, so an edit to any source is noticed and a stale object is never
used; Numba's own cache would not see an edit in another file. Standard library only until something must be compiled.
"""

from __future__ import annotations

import hashlib
import os
import platform
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from threading import get_ident

from hardtack.compiler.errors import CompileError
from hardtack.compiler.program import Source
from hardtack.image import Image
from hardtack.prebuilt import prebuilt, sources_hash

TOOLS = ("numba", "llvmlite", "numpy", "pyelftools")
MOST_OBJECTS = 256  # kept in the cache, some 70 MB; the oldest go. All tests make about 150


def compiled(source: Source) -> Image:
    """The eBPF image of a program. CompileError if it cannot be compiled, or must be and the compiler is not installed."""
    shipped = prebuilt(source.name, _sources(source)) if source.clock == "coarse" else None  # as all of the wheel's are
    return shipped or Image.loads(cached(source, "ebpf", _build_image).decode())


def _sources(source: Source) -> str:
    return sources_hash(module_file(source.module))


def module_file(module: str) -> Path | None:
    """Where a module's source lies, without importing it."""
    spec = find_spec(module)
    return Path(spec.origin) if spec and spec.origin else None


def cache_directory() -> Path:
    """$XDG_CACHE_HOME/hardtack, else ~/.cache/hardtack."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path("~/.cache").expanduser()) / "hardtack"


def facts(source: Source, target: str) -> tuple[str, ...]:
    """All that an object depends on; the object of a native program also on the CPU it was made for."""
    tools = []
    for tool in TOOLS:
        try:
            tools.append(f"{tool} {version(tool)}")
        except PackageNotFoundError:
            tools.append(f"{tool} none")
    cpu = _this_cpu() if target.startswith("native") else ""
    return repr(source), target, cpu, platform.python_version(), *tools, _sources(source)


def _this_cpu() -> str:
    import llvmlite.binding as llvm

    return f"{llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()}"


def cached(source: Source, target: str, build: Callable[[Source], bytes]) -> bytes:
    """The object of a program for a target, from the cache or from `build`. A cache that cannot be used is no error."""
    key = hashlib.sha256("\0".join(facts(source, target)).encode()).hexdigest()
    name = f"{source.name}-{key}.{target}"
    with suppress(OSError, RuntimeError), _opened() as folder:  # RuntimeError: nobody's home
        found = _read(folder, name)
        if found is not None:
            return found
    made = build(source)
    with suppress(OSError, RuntimeError), _opened() as folder:
        _write(folder, name, made)
    return made


@contextmanager
def _opened() -> Iterator[int]:
    """The cache, as a descriptor: it stays the one that was looked at. OSError if anybody else may have a hand in it.

    What is in it is loaded into the kernel, or run, with the rights of whoever asks for it.
    """
    path = cache_directory()
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _refuse_others(found := os.fstat(folder))
        if stat.S_IMODE(found.st_mode) != 0o700:
            with suppress(PermissionError):  # it is root's
                os.fchmod(folder, 0o700)
        yield folder
    finally:
        os.close(folder)


def _refuse_others(status: os.stat_result) -> None:
    """PermissionError unless this user or root owns it, and nobody else may write to it."""
    if status.st_uid not in (0, os.geteuid()) or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError("the cache, or an object in it, may be somebody else's")


def _read(folder: int, name: str) -> bytes | None:
    """What was written; None if it is not there, or damaged, as after a full disk or a crash. OSError if not ours."""
    try:
        file = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        return None
    with os.fdopen(file, "rb") as object_file:
        _refuse_others(os.fstat(file))
        digest, _, content = object_file.read().partition(b"\n")
    return content if digest == _digest(content) else None


def _write(folder: int, name: str, content: bytes) -> None:
    """Whole or not at all, whoever else compiles at the same time."""
    written = f"{name}.{os.getpid()}-{get_ident()}"
    file = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=folder)
    with os.fdopen(file, "wb") as object_file:
        object_file.write(_digest(content) + b"\n" + content)
    os.replace(written, name, src_dir_fd=folder, dst_dir_fd=folder)
    _sweep(folder)


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()


def _sweep(folder: int) -> None:
    """Forget the objects that were made longest ago."""
    with os.scandir(folder) as entries:
        objects = sorted(entries, key=lambda entry: entry.stat(follow_symlinks=False).st_mtime, reverse=True)
    for entry in objects[MOST_OBJECTS:]:
        with suppress(FileNotFoundError):
            os.unlink(entry.name, dir_fd=folder)


def _build_image(source: Source) -> bytes:
    try:
        from hardtack.compiler import ebpf, frontend
    except ModuleNotFoundError as error:
        raise CompileError(
            f"program {source.name} must be compiled, but {error.name} is not installed; pip install 'hardtack[compiler]'"
        ) from error
    return ebpf.build(source, frontend.to_ir(source.function()), _sources(source)).dumps().encode()
