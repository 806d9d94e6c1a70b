"""Python function -> LLVM IR, through Numba. Unoptimised, with the Python line of every instruction."""

from __future__ import annotations

import os
import re
import traceback
from collections.abc import Callable
from typing import Any

# Read by Numba when it is imported: LLVM's optimiser is run by us, once, for the real target.
os.environ["NUMBA_OPT"] = "0"

from numba import cfunc, types
from numba.core.ir import Loc

from hardtack.compiler import subset
from hardtack.compiler.errors import CompileError, short
from hardtack.compiler.language import Pointer

Entry = Callable[..., Any]

PROGRAM = types.int32(Pointer)  # an entry: the frame in, a verdict out
LONGEST = 160  # characters of what Numba says
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
PLACE = re.compile(r"^During: .* at (\S+\.py) \((\d+)\)$", re.MULTILINE)
SIGNATURE = re.compile(r"^\s*>>> (.*)$", re.MULTILINE)
SAID_ITSELF = re.compile(r"raised a specific error:\s+\w+: (.*)$", re.MULTILINE)  # by a word of `language`
# Numba's names for types, and ours
NAMES = (
    (re.compile(r"Literal\[int\]\((-?\d+)\)"), r"\1"),
    (re.compile(r"Record\([^()]*\)"), "a record"),
    (re.compile(r"uint8\*"), "pointer"),
    (re.compile(r"^Cannot bind .* due to \"TypeError: (.*)\"\.?$"), r"wrong arguments: \1"),
    (re.compile(r", defined at .*| for '\$[^']*'|^\w+\.<locals>\.|: %\".*"), ""),
)


def to_ir(entry: Entry) -> str:
    """The IR of `entry` and of all it calls. CompileError names the Python line of what cannot be compiled."""
    subset.check(entry)
    try:
        compiled = cfunc(PROGRAM, error_model="numpy", nopython=True, debug=True)(entry)
    except Exception as error:
        text = COLOUR.sub("", str(error))
        place = place_told(text) or place_met(error)
        if place is None:
            raise
        raise CompileError(f"not possible in a packet program: {cause(text, error)}", short(place[0]), place[1]) from error
    return str(compiled.inspect_llvm())


def cause(text: str, error: Exception) -> str:
    """The heart of a page: Numba names the innermost cause first."""
    if isinstance(error, KeyError):  # it trips over a record's unknown field
        return f"a record has no field {text}"
    said, signature = SAID_ITSELF.search(text), SIGNATURE.search(text)
    if said:
        heart = said[1]
    elif signature:
        heart = f"{signature[1]}: there is no such operation"
    else:
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        heart = next((line for line in lines if not line.startswith("Failed in")), lines[0])
    for pattern, name in NAMES:
        heart = pattern.sub(name, heart)
    return heart[:LONGEST]


def place_told(text: str) -> tuple[str, int] | None:
    """The file and line of the innermost cause, as Numba's page tells it."""
    told = PLACE.search(text)
    return (told[1], int(told[2])) if told else None


def place_met(error: Exception) -> tuple[str, int] | None:
    """For errors that escape Numba without a place: what its type inference was looking at when it met them."""
    for frame, _ in reversed([*traceback.walk_tb(error.__traceback__)]):
        place = frame.f_locals.get("loc")
        if isinstance(place, Loc):
            return str(place.filename), int(place.line)
    return None
