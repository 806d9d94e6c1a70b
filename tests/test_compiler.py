"""What the compiler refuses, with file, line and construct in one line; and that it knows where its code comes from."""

from __future__ import annotations

import importlib
from itertools import count
from pathlib import Path

import pytest
from kernel_ground import needs_root

from hardtack.compiler import objects
from hardtack.compiler.errors import CompileError, short
from hardtack.compiler.native import NativeProgram
from hardtack.compiler.program import Source
from hardtack.image import FORMAT, Image, ImageError
from hardtack.kernel import programs
from hardtack.mistake import Mistake
from hardtack.packet.programs import AGENT, FRONT

PROGRAM = """
import math
import numpy as np
from hardtack.compiler.language import at, beyond, distance, i64, inlined, load8, load64, new, scratch, store64, types, u64
from hardtack.packet.records import (Flow)
from hardtack.packet.frame.platform import copy, head, tail

TABLE = (3, 1, 4)
new_flow = new(Flow)

@inlined
def size(frame):
    return distance(head(frame), tail(frame))

def plain(frame):
    return 1

@inlined
def again(frame):
    return again(frame)

@inlined
def deep(frame, number):
    return number + head(frame)

def program(frame):
"""
TOO_LARGE = "place = scratch(1024)  #!\nif copy(frame, 0, place, 1024):\n    return 0\nreturn load8(place, 3)"
# What is wrong, the body (`#!` marks the line that must be named), and what must be said of it
REFUSED = [
    # Looked for in the source
    ("a float", "return i64(size(frame) * 1.5)  #!", "a float: a packet program counts in integers"),
    ("true division", "return i64(size(frame) / 3)  #!", "/ makes a float: write //, on u64 words"),
    ("division in place", "x = size(frame)\nx /= 3  #!\nreturn x", "/ makes a float"),
    ("raise", "if size(frame) > 3:\n    raise ValueError('no')  #!\nreturn 1", "raise: a packet program has no exceptions"),
    ("assert", "assert size(frame) > 3  #!\nreturn 1", "assert: a packet program has no exceptions"),
    ("try", "try:  #!\n    return 1 // size(frame)\nexcept ZeroDivisionError:\n    return 0", "try: a packet program"),
    ("with", "with open('x'):  #!\n    return 0", "with: a packet program has no exceptions"),
    ("a list", "found = [size(frame)]  #!\nreturn len(found)", "a list: a packet program allocates no memory"),
    ("a list comprehension", "return len([x for x in range(3)])  #!", "a list: a packet program allocates no memory"),
    ("a dict", "return {1: 2}[size(frame)]  #!", "a dict: a packet program allocates no memory"),
    ("a set", "return len({size(frame)})  #!", "a set: a packet program allocates no memory"),
    ("a generator", "return max(x for x in range(3))  #!", "a generator: a packet program allocates no memory"),
    ("a string", "name = 'a' * 3  #!\nreturn len(name)", "a string: a packet program allocates no memory"),
    ("bytes", "return b'abc'[size(frame) & 1]  #!", "a string: a packet program allocates no memory"),
    ("an f-string", "return len(f'{size(frame)}')  #!", "a string: a packet program allocates no memory"),
    ("lambda", "more = lambda x: x + 1  #!\nreturn more(3)", "lambda: write it at the top of the module"),
    ("a function within", "def more(x):  #!\n    return x\nreturn more(3)", "a function within a function"),
    ("a class", "class Found:  #!\n    pass\nreturn 1", "a class: a packet program allocates no memory"),
    ("yield", "yield 1  #!", "yield: a packet program allocates no memory"),
    ("global", "global SEEN  #!\nSEEN = 1\nreturn 1", "global: a packet program remembers nothing but in tables"),
    ("import", "import os  #!\nreturn 1", "import: write it at the top of the module"),
    ("an undefined name", "x = 1\nreturn frame_length  #!", "frame_length: this name is not defined"),
    ("a call of an undefined name", "return lenght(frame)  #!", "lenght: this name is not defined"),
    ("a plain function", "return plain(frame)  #!", "plain(): this is plain Python; mark it @inlined"),
    ("print", "print(size(frame))  #!\nreturn 1", "print(): this is Python's own"),
    ("isinstance", "return isinstance(frame, int)  #!", "isinstance(): this is Python's own"),
    # Known from the types
    ("an unknown attribute", "flow = new_flow()\nreturn flow.colour  #!", "a record has no field 'colour'"),
    ("writing one", "flow = new_flow()\nflow.colour = 6  #!\nreturn 1", "a record has no field 'colour'"),
    ("an attribute of a number", "return load8(head(frame), 0).high  #!", "Unknown attribute 'high' of type int64"),
    ("arithmetic on a pointer", "return load8(head(frame) + 1, 0)  #!", "add(pointer, 1): there is no such operation"),
    ("a pointer as a number", "flow = new_flow()\nflow.flags = frame  #!\nreturn 1", "Cannot cast pointer to int64"),
    ("a pointer as verdict", "return head(frame)  #!", "No conversion from pointer to int32"),
    ("no verdict", "size(frame)  #!", "No conversion from none to int32"),
    ("too few arguments", "return load8(frame)  #!", "missing 1 required positional argument: 'offset'"),
    ("too many", "return size(frame, 1)  #!", "wrong arguments: too many positional arguments"),
    ("a size not literal", "return load8(scratch(size(frame)), 0)  #!", "scratch() wants a literal size"),
    # Seen only in the finished code
    ("a library's float", "return i64(math.sqrt(size(frame)))  #!", "a float; a packet program counts in integers"),
    ("an array", "found = np.zeros(size(frame), np.int64)  #!\nreturn found[0]", "this allocates memory"),
    ("an index that may be out of range", "return TABLE[size(frame)]  #!", "this can raise an exception"),
    ("signed division", "return i64(load64(frame, 0)) // i64(load64(frame, 8))  #!", "eBPF cannot divide signed numbers"),
    ("more stack than there is", TOO_LARGE, "1024 bytes of stack; eBPF has 512"),
]
NATIVE_TOO = ("a float", "an unknown attribute", "an index that may be out of range", "signed division")
numbers = count()


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a test's programs lie, as modules."""
    path = tmp_path / "programs"
    path.mkdir()
    monkeypatch.syspath_prepend(str(path))
    return path


def program(folder: Path, body: str) -> Source:
    """A program with this body."""
    name = f"written_{next(numbers)}"
    (folder / f"{name}.py").write_text(PROGRAM + "".join(f"    {line}\n" for line in body.splitlines()))
    importlib.invalidate_caches()
    return Source(name, f"{name}:program", "xdp", ())


def marked(source: Source, folder: Path) -> str:
    """FILE:LINE of the marked line, as a message begins."""
    lines = (folder / f"{source.name}.py").read_text().splitlines()
    return f"{source.name}.py:{1 + next(number for number, line in enumerate(lines) if '#!' in line)}: "


@pytest.mark.parametrize(("body", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_a_packet_program_cannot_have_is_refused_with_its_line(folder: Path, body: str, words: str) -> None:
    source = program(folder, body)
    with pytest.raises(CompileError) as refused:
        objects.compiled(source)
    message = str(refused.value)
    assert message.startswith(marked(source, folder)), message
    assert words in message
    assert "\n" not in message and len(message) < 200


@pytest.mark.parametrize("body", [row[1] for row in REFUSED if row[0] in NATIVE_TOO], ids=NATIVE_TOO)
def test_native_code_refuses_the_same(folder: Path, body: str) -> None:
    source = program(folder, body)
    with pytest.raises(CompileError) as for_the_kernel:
        objects.compiled(source)
    with pytest.raises(CompileError) as native:
        NativeProgram(source, {})
    assert str(native.value) == str(for_the_kernel.value)


def test_the_line_is_that_of_the_function_called(folder: Path) -> None:
    source = program(folder, "return deep(frame, 3)")
    with pytest.raises(CompileError, match=r"add\(3, pointer\)") as refused:
        objects.compiled(source)
    assert refused.value.line == 1 + PROGRAM.splitlines().index("    return number + head(frame)")


def test_a_function_that_calls_itself(folder: Path) -> None:
    with pytest.raises(CompileError, match=r"again\(\): it calls itself, but every call is inlined") as refused:
        objects.compiled(program(folder, "return again(frame)"))
    assert refused.value.line == 1 + PROGRAM.splitlines().index("    return again(frame)")


def test_a_compile_error_is_told_in_a_line_not_with_a_traceback() -> None:
    error = CompileError("raise: no", "hardtack/packet/frame/parse.py", 12)
    assert isinstance(error, Mistake) and error.status == 1
    assert str(error) == "hardtack/packet/frame/parse.py:12: raise: no"
    assert short("/home/me/hardtack/src/hardtack/packet/frame/parse.py") == "hardtack/packet/frame/parse.py"
    assert short("/home/me/mine.py") == "mine.py"


def test_docstrings_and_what_folds_away_are_no_offence(folder: Path) -> None:
    source = program(folder, '"""What it does."""\nsmall: int = 3 if size(frame) < 100 else TABLE[0]\nreturn small')
    assert NativeProgram(source, {}).run(bytes(60))[0] == 3


UNSIGNED = """
place = head(frame)
if beyond(place, 24, tail(frame)):
    return 0
store64(place, 16, load64(place, 0) // load64(place, 8))
return 2"""


@needs_root
@pytest.mark.parametrize(("one", "other"), [(100, 7), (2**64 - 1, 2), (5, 0), (0, 3)])
def test_both_targets_divide_alike_and_by_zero_too(folder: Path, one: int, other: int) -> None:
    source = program(folder, UNSIGNED)
    frame = one.to_bytes(8, "little") + other.to_bytes(8, "little")
    expected = (2, frame + (one // other if other else 0).to_bytes(8, "little"))
    assert NativeProgram(source, {}).run(frame + bytes(8)) == expected
    with programs.load(objects.compiled(source), {}) as loaded:
        ran = loaded.test_run(frame + bytes(8))
    assert (ran.verdict, ran.frame) == expected


@needs_root
def test_a_refusal_of_the_verifier_names_the_python_line(folder: Path) -> None:
    source = program(folder, "flags = 2\nreturn flags + load8(head(frame), 13)  #!")
    with pytest.raises(programs.VerifierRefusal) as refused:
        programs.load(objects.compiled(source), {})
    assert f"{refused.value.file}:{refused.value.line}: " == marked(source, folder)
    assert refused.value.text == "return flags + load8(head(frame), 13)  #!"
    assert "invalid access to packet" in refused.value.last_words
    assert len(str(refused.value).splitlines()) <= 8


@pytest.mark.parametrize("source", [FRONT, AGENT], ids=lambda source: source.name)
def test_lines_are_those_of_the_source(source: Source) -> None:
    image = objects.compiled(source)
    root = Path(programs.__file__).parents[2]
    for line in image.lines:
        assert (root / line.file).read_text().splitlines()[line.line - 1].strip() == line.text
    indices = [line.index for line in image.lines]
    assert indices == sorted(set(indices)) and indices[0] < 10 and indices[-1] < len(image.instructions) // 8
    assert len({line.file for line in image.lines}) > 5


def test_an_image_survives_being_written_down() -> None:
    image = objects.compiled(FRONT)
    assert Image.loads(image.dumps()) == image
    assert {reference.name for reference in image.references} == {table.name for table in FRONT.tables}


GARBAGE = ["", "null", "3", "[]", "{}", '"image"', f'{{"format": {FORMAT}}}', f'{{"format": {FORMAT + 1}}}', "\0"]


@pytest.mark.parametrize("text", GARBAGE)
def test_garbage_is_no_image(text: str) -> None:
    with pytest.raises(ImageError, match=r"an? .*image"):
        Image.loads(text)


def test_a_truncated_image_is_no_image(folder: Path) -> None:
    text = objects.compiled(program(folder, "return 1")).dumps()
    for size in range(len(text)):
        with pytest.raises(ImageError):
            Image.loads(text[:size])
