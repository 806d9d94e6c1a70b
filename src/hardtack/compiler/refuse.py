"""Refuse, with its Python line, what a packet program cannot do: exceptions, allocation, floats, Python objects."""

from __future__ import annotations

import re

import llvmlite.binding as llvm

from hardtack.compiler.errors import CompileError, short

# Runtime functions that a construct leaves behind once everything else has been optimised away, and what the construct is
TRACES = (
    (re.compile(r"^(NRT_|numba_.*alloc|nrt_)"), "this allocates memory (a list, string, array or closure)"),
    (re.compile(r"^(numba_(do_raise|unpickle|gil_|runtime_build_excinfo)|PyErr_)"), "this can raise an exception"),
    (re.compile(r"^(Py|numba_)"), "this needs a Python object"),
)
FLOAT = re.compile(r"\b(double|float|half|fp128)\b")


def refuse_unsupported(module: llvm.ModuleRef, program: str) -> None:
    """CompileError for the first construct left in the optimised module that no target may have."""
    text = str(module)
    for function in module.functions:
        if function.is_declaration:
            continue
        for block in function.blocks:
            for instruction in block.instructions:
                _judge(str(instruction), text, program)


def _judge(instruction: str, text: str, program: str) -> None:
    called = re.search(r'call [^@]*@"?([\w.]+)', instruction)
    if called:
        for pattern, meaning in TRACES:
            if pattern.match(called[1]):
                raise _at(f"{program}: {meaning}; a packet program cannot", instruction, text)
    bare = re.sub(r'"[^"]*"|, !dbg.*$', "", instruction)
    if FLOAT.search(bare):
        raise _at(f"{program}: a float; a packet program counts in integers", instruction, text)


def _at(what: str, instruction: str, text: str) -> CompileError:
    """The instruction's own place in Python, through its debug location, its scope and the scope's file."""
    file, line = "", 0
    dbg = re.search(r"!dbg (!\d+)", instruction)
    location = dbg and re.search(rf"^{dbg[1]} = .*DILocation\(line: (\d+).*?scope: (!\d+)", text, re.M)
    if location:
        line = int(location[1]) or line
        scope = re.search(rf"^{location[2]} = .*file: (!\d+)", text, re.M)
        named = scope and re.search(rf'^{scope[1]} = !DIFile\(filename: "([^"]+)"', text, re.M)
        if named:
            file = named[1]
    return CompileError(what, short(file), line)
