"""Where compiled programs come from: the wheel, the cache, the compiler; and that no stale or damaged one is ever used."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
import pytest
from kernel_ground import needs_root

import hardtack
from hardtack.compiler import objects
from hardtack.compiler.native import NativeProgram
from hardtack.image import Image
from hardtack.lab.programs import DROP, FLOOD, SINK
from hardtack.packet.programs import FRONT

PACKAGE = Path(hardtack.__file__).parent
# A small program, compiled; what it is, and whether that took the compiler
COMPILE = """
import json, sys
{before}
from hardtack.compiler import objects
from hardtack.compiler.errors import CompileError
from hardtack.lab import programs
from hardtack.mistake import Mistake
try:
    image = objects.compiled(programs.{program}).dumps()
except Mistake as mistake:
    image = f"{{type(mistake).__name__}}: {{mistake}}"
print(json.dumps([image, "numba" in sys.modules]))
"""
NO_COMPILER = "sys.modules['numba'] = None  # importing it fails, as where it is not installed"


class Checkout:
    """A copy of the package that a test may edit, with a cache of its own."""

    def __init__(self, folder: Path) -> None:
        self.package = folder / "src" / "hardtack"
        self.cache = folder / "cache"
        shutil.copytree(PACKAGE, self.package, ignore=shutil.ignore_patterns("__pycache__", "prebuilt"))

    def python(self, script: str) -> Any:
        """The JSON that a script prints in a Python of its own."""
        own = {"PYTHONPATH": str(self.package.parent), "XDG_CACHE_HOME": str(self.cache)}
        environment = {**os.environ, **own, "PYTHONDONTWRITEBYTECODE": "1"}  # Python would miss a second edit in one second
        command = [sys.executable, "-W", "error", "-c", script]
        ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    def compiled(self, program: str = "DROP", compiler: bool = True) -> tuple[str, bool]:
        """The image of one of the lab's programs (or why there is none), and whether the compiler was needed."""
        image, compiling = self.python(COMPILE.format(before="" if compiler else NO_COMPILER, program=program))
        return image, compiling

    def edit(self, name: str, old: str, new: str) -> None:
        """Change a file, whose size and time may stay the same."""
        path = self.package / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    def objects(self) -> set[str]:
        """Names of what is in the cache."""
        return {path.name for path in (self.cache / "hardtack").iterdir()}


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache for this process."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "hardtack"


def test_the_second_call_needs_no_compiler(checkout: Checkout) -> None:
    first, compiling = checkout.compiled()
    assert compiling and Image.loads(first).name == "drop"
    assert checkout.compiled() == (first, False)
    assert checkout.compiled(compiler=False)[0] == first


def test_an_edit_in_another_file_makes_a_new_object_and_is_in_it(checkout: Checkout) -> None:
    checkout.compiled("SINK")
    checkout.edit("packet/cookie/siphash.py", '"""SipRound."""', '"""A SipRound."""')
    before, compiling = checkout.compiled("SINK")
    assert compiling and len(checkout.objects()) == 2
    checkout.edit("packet/frame/wire.py", "ETHERNET = 14 ", "ETHERNET = 18 ")
    after, compiling = checkout.compiled("SINK")
    assert compiling and len(checkout.objects()) == 3
    assert Image.loads(before).instructions != Image.loads(after).instructions


TOUCH = """
import json
from pathlib import Path
from hardtack import prebuilt
from hardtack.compiler.objects import module_file
seen = {{}}
for path in [None, *sorted(prebuilt.PACKAGE.rglob("*.py"))]:
    text = path.read_text() if path else ""
    if path:
        path.write_text(text + "#")
    seen[str(path and path.relative_to(prebuilt.PACKAGE))] = prebuilt.sources_hash.__wrapped__(module_file({module!r}))
    if path:
        path.write_text(text)
print(json.dumps(seen))
"""


@pytest.mark.parametrize("source", [FRONT, FLOOD], ids=lambda source: source.name)
def test_every_file_that_goes_in_counts_and_no_other(checkout: Checkout, source: Any) -> None:
    seen = checkout.python(TOUCH.format(module=source.module))
    untouched = seen.pop("None")
    goes_in = {name for name in seen if name.startswith(("compiler/", "packet/")) or name == "image.py"}
    if source is FLOOD:
        goes_in |= {name for name in seen if name.startswith("lab/packets/")}
        assert "lab/packets/recipe.py" in goes_in
    assert {name for name, found in seen.items() if found != untouched} == goes_in
    assert len({seen[name] for name in goes_in}) == len(goes_in) > 20


def test_what_is_compiled_counts_too() -> None:
    """Target, clock, tables, flags, versions; of native objects also the CPU, which eBPF does not depend on."""
    told = [objects.facts(source, "ebpf") for source in (FRONT, replace(FRONT, clock="table"), replace(FRONT, flags=0))]
    assert len({*told, objects.facts(replace(FRONT, tables=()), "ebpf"), objects.facts(FRONT, "native")}) == 5
    native = "\n".join(objects.facts(FRONT, "native"))
    assert llvm.get_host_cpu_name() in native and llvm.get_host_cpu_features().flatten() in native
    assert llvm.get_host_cpu_features().flatten() not in "\n".join(told[0])
    assert any(fact == f"numba {sys.modules['numba'].__version__}" for fact in told[0])


@pytest.mark.parametrize("place", ["file", "proc"])
def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    nowhere = tmp_path / "a file"
    nowhere.write_text("not a folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(nowhere) if place == "file" else "/proc/1")
    assert objects.compiled(DROP).name == "drop"
    assert NativeProgram(DROP, {}).run(bytes(60))[0] == 1


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "cut short": lambda content: content[: len(content) // 2],
    "one byte short": lambda content: content[:-1],
    "one bit turned": lambda content: content[:200] + bytes([content[200] ^ 1]) + content[201:],
    "something else": lambda content: b"#!/bin/sh\n",
    "zeros, as after a crash": lambda content: bytes(len(content)),
}


@pytest.mark.parametrize("target", ["ebpf", "native"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_object_is_made_again(cache: Path, damage: str, target: str) -> None:
    def use() -> object:
        return objects.compiled(DROP) if target == "ebpf" else NativeProgram(DROP, {}).run(bytes(60))

    expected = use()
    (path,) = cache.iterdir()
    whole = path.read_bytes()
    path.write_bytes(DAMAGE[damage](whole))
    assert use() == expected
    digest, _, content = path.read_bytes().partition(b"\n")
    assert digest == hashlib.sha256(content).hexdigest().encode() and len(content) == len(whole) - 65  # mended, too


def planted(path: Path) -> bytes:
    """An object that is whole and that nobody of ours has made; its content."""
    content = b"somebody else's program"
    path.write_bytes(hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
    return content


def others(path: Path) -> None:
    """Have another user own it."""
    os.chown(path, 65534, 65534, follow_symlinks=False)


def linked(path: Path) -> None:
    """Have it elsewhere, and a link in its place."""
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


FOREIGN: dict[str, Callable[[Path], None]] = {
    "another's": others,
    "one that its group may write": lambda path: path.chmod(0o770),
    "one that all may write": lambda path: path.chmod(0o777),
    "a link": linked,
}


@needs_root
@pytest.mark.parametrize("how", FOREIGN)
def test_what_somebody_else_may_have_written_is_not_used(cache: Path, how: str) -> None:
    """Neither an object nor the folder: then it is made anew, and in such a folder nothing is written."""

    def use(build: bytes) -> bytes:
        return objects.cached(DROP, "ebpf", lambda source: build)

    assert (use(b"first"), use(b"second")) == (b"first", b"first")
    assert [path.stat().st_mode & 0o777 for path in (cache, *cache.iterdir())] == [0o700, 0o600]
    (path,) = cache.iterdir()
    assert planted(path) == use(b"")  # ours, as far as anybody can tell
    FOREIGN[how](path)
    assert (use(b"third"), use(b"")) == (b"third", b"third")
    planted(path)
    FOREIGN[how](cache)
    assert (use(b"fourth"), use(b"fifth")) == (b"fourth", b"fifth")
    assert b"somebody" in path.read_bytes()


def test_many_may_compile_at_once(checkout: Checkout) -> None:
    with ThreadPoolExecutor(3) as pool:
        images = {image for image, _ in pool.map(lambda _: checkout.compiled("SINK"), range(3))}
    assert len(images) == 1 and Image.loads(images.pop()).name == "sink"
    (name,) = checkout.objects()
    assert name.startswith("sink-") and name.endswith(".ebpf")
    assert checkout.compiled("SINK")[1] is False


def test_the_oldest_objects_go(cache: Path) -> None:
    cache.mkdir()
    for age in range(objects.MOST_OBJECTS + 6):
        (cache / f"old-{age}").touch()
        os.utime(cache / f"old-{age}", (1_000_000 - age, 1_000_000 - age))
    objects.compiled(SINK)
    names = {path.name for path in cache.iterdir()}
    assert len(names) == objects.MOST_OBJECTS
    assert "old-0" in names and f"old-{objects.MOST_OBJECTS}" not in names and any(n.startswith("sink-") for n in names)


def test_an_image_from_the_wheel_is_used_if_it_was_made_from_these_sources(checkout: Checkout) -> None:
    image = Image.loads(checkout.compiled()[0])
    shutil.rmtree(checkout.cache)
    (checkout.package / "prebuilt").mkdir()
    shipped = replace(image, license="told apart by this")
    (checkout.package / "prebuilt" / "drop.json").write_text(shipped.dumps())
    assert checkout.compiled(compiler=False) == (shipped.dumps(), True)  # True: what stands for the missing compiler
    assert not checkout.cache.exists()

    # It reads the kernel's clock, so it cannot stand in for a program of the same name that does not; nor for other sources
    checkout.edit("lab/programs.py", ':drop", "xdp", ())', ':drop", "xdp", (), clock="table")')
    anew, compiling = checkout.compiled()
    assert compiling and Image.loads(anew).license == image.license
    checkout.edit("lab/programs.py", ':drop", "xdp", (), clock="table")', ':drop", "xdp", ())')
    assert checkout.compiled()[0] == shipped.dumps()
    checkout.edit("packet/cookie/siphash.py", '"""SipRound."""', '"""A SipRound."""')
    anew, compiling = checkout.compiled()
    assert compiling and Image.loads(anew).license == image.license


def test_without_a_compiler_it_says_what_to_install(checkout: Checkout) -> None:
    said, _ = checkout.compiled(compiler=False)
    assert said == (
        "CompileError: program drop must be compiled, but numba is not installed; pip install 'hardtack[compiler]'"
    )
