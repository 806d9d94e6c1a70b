"""Refuse, with its Python line, what only the finished code shows: exceptions, allocation, floats, what eBPF lacks."""

from __future__ import annotations

import re
from collections.abc import Iterator

import llvmlite.binding as llvm

from hardtack.compiler.errors import CompileError
from hardtack.compiler.place import Places

# Runtime functions that a construct leaves behind once everything else has been optimised away, and what the construct is
TRACES = (
    (re.compile(r"^(NRT_|numba_.*alloc|nrt_)"), "this allocates memory (a list, string, array or closure)"),
    (re.compile(r"^(numba_(do_raise|unpickle|gil_|runtime_build_excinfo)|PyErr_)"), "this can raise an exception"),
    (re.compile(r"^(Py|numba_)"), "this needs a Python object"),
)
INSTRUCTION = re.compile(r"^  (?:%.* = )?(\w+)")
CALLED = re.compile(r'call [^@]*@"?([\w.]+)')
FLOAT = re.compile(r"\b(double|float|half|fp128)\b")
NO_WORDS = re.compile(r'"[^"]*"|, !dbg.*$')  # names and notes, which may say anything
SIGNED = ("sdiv", "srem")
WORDS = re.compile(r"alloca \[(\d+) x i64\]")
STACK = 512  # bytes that an eBPF program has: MAX_BPF_STACK, include/linux/filter.h


def refuse_unsupported(module: llvm.ModuleRef, program: str) -> None:
    """CompileError for the first construct left in the optimised module that no target may have.

    LLVM itself ends the process when it meets what eBPF lacks: so it never comes to that.
    """
    if not any(judge(opcode, text) for opcode, text in instructions(str(module))):
        return
    for function in module.functions:
        if function.is_declaration:
            continue
        for block in function.blocks:
            for instruction in block.instructions:
                complaint = judge(instruction.opcode, str(instruction))
                if complaint:
                    file, line = Places(str(module)).of(instruction)
                    raise CompileError(f"{program}: {complaint}", file, line)


def instructions(module: str) -> Iterator[tuple[str, str]]:
    """Opcode and text of each in a module's text. LLVM takes a minute to write them one by one, as it has to for a place."""
    for line in module.splitlines():
        found = INSTRUCTION.match(line)
        if found:
            yield found[1], line


def judge(opcode: str, text: str) -> str:
    """Why a packet program cannot have this instruction; empty if it can."""
    called = CALLED.search(text)
    if called:
        for pattern, meaning in TRACES:
            if pattern.match(called[1]):
                return f"{meaning}; a packet program cannot"
    if FLOAT.search(NO_WORDS.sub("", text)):
        return "a float; a packet program counts in integers"
    if opcode in SIGNED:
        return "eBPF cannot divide signed numbers; divide u64 words"
    size = WORDS.search(text)
    if size and int(size[1]) * 8 > STACK:
        return f"{int(size[1]) * 8} bytes of stack; eBPF has {STACK}"
    return ""
