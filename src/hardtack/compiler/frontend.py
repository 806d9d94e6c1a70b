"""Python function -> LLVM IR, through Numba. Unoptimised, with the Python line of every instruction."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

# Read by Numba when it is imported: LLVM's optimiser is run by us, once, for the real target.
os.environ["NUMBA_OPT"] = "0"

from numba import cfunc, types
from numba.core.errors import NumbaError

from hardtack.compiler.errors import CompileError, short
from hardtack.compiler.language import Pointer

Entry = Callable[..., Any]


CAUSE = re.compile(
    "No implementation|Unknown attribute|not supported|Unsupported|Cannot|undefined|Untyped|Use of|Invalid use|No conversion"
)
PROGRAM = types.int32(Pointer)  # an entry: the frame in, a verdict out


def to_ir(entry: Entry) -> str:
    """The IR of `entry` and of all it calls. CompileError names the Python line of what cannot be compiled."""
    try:
        compiled = cfunc(PROGRAM, error_model="numpy", nopython=True, debug=True)(entry)
    except NumbaError as error:
        raise _explain(error, entry) from error
    return str(compiled.inspect_llvm())


def _explain(error: NumbaError, entry: Entry) -> CompileError:
    """Numba's message is a page, the innermost cause last: keep the cause and the place."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    places = re.findall(r'File "([^"]+)", line (\d+)', text)
    loc = getattr(error, "loc", None)
    if places:
        file, line = places[-1][0], int(places[-1][1])
    elif loc is not None:
        file, line = loc.filename, loc.line
    else:
        file, line = entry.__code__.co_filename, entry.__code__.co_firstlineno
    causes = [part.strip() for part in text.splitlines() if part.strip()]
    ranked = [part for part in causes if CAUSE.search(part)]
    return CompileError(f"not possible in a packet program: {(ranked or causes)[0]}", short(file), line)
