"""A check before every access to memory, put into finished IR: the access lies within what its pointer was made from.

A pointer that is made from a table, or from the function's own stack, must lie in it with all its bytes. Any other must lie
in memory that the program was permitted (compiler/checked.py). Otherwise the access is noted, with its line in Python, and
the program returns. Each block of instructions also counts how often it has run, for fuzzing. Only tests have such builds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from hardtack.compiler.bounds_calls import SUPPORT
from hardtack.compiler.errors import CompileError
from hardtack.compiler.place import Places

LOAD, STORE = 0, 1
MOST_BLOCKS = 1 << 13  # of a program, that are counted

NAME = r'"[^"]*"|[-\w.$]+'
POINTER = rf"(?:[%@](?:{NAME})|null|(?:getelementptr|inttoptr) [a-z ]*\([^()]*\))"
TYPE = r"i\d+|ptr|<\d+ x (?:i\d+|ptr)>"
DEFINE = re.compile(r"define .*?\b(\w+) @")
LABEL = re.compile(rf"^({NAME}):")
DEFINED = re.compile(rf"^  (%(?:{NAME})) = (getelementptr|phi|select|alloca|(?:tail )?call) (.*)$")
CONSTANT = re.compile(rf"^(@(?:{NAME})) = .*?constant \[(\d+) x (i\d+)\]", re.MULTILINE)
INCOMING = re.compile(rf", (%(?:{NAME})) \]")
ACCESSES = (
    (re.compile(rf"^  %(?:{NAME}) = load (?:atomic )?(?:volatile )?(?P<type>{TYPE}), ptr (?P<pointer>{POINTER})"), LOAD),
    (re.compile(rf"^  store (?:atomic )?(?:volatile )?(?P<type>{TYPE}) .*, ptr (?P<pointer>{POINTER})[^,]*, align"), STORE),
    (re.compile(rf"^  %(?:{NAME}) = cmpxchg [a-z ]*ptr (?P<pointer>{POINTER}), (?P<type>{TYPE}) "), STORE),
    (re.compile(rf"^  %(?:{NAME}) = atomicrmw [a-z ]*ptr (?P<pointer>{POINTER}), (?P<type>{TYPE}) "), STORE),
)
ACCESS = re.compile(r"^  (?:%.* = )?(?:load|store|cmpxchg|atomicrmw) ")
CALL = re.compile(rf"^  (?:%(?:{NAME}) = )?(?:tail |musttail |notail )?call .*?([%@](?:{NAME}))\((.*)\)")
# What functions do with memory: at which of their arguments, how many bytes, or which argument says so, in units of how many
TOUCHED: dict[str, tuple[tuple[int, int | str, int, int], ...]] = {
    "@llvm.memcpy.p0.p0.i64": ((1, 2, 1, LOAD), (0, 2, 1, STORE)),
    "@llvm.memmove.p0.p0.i64": ((1, 2, 1, LOAD), (0, 2, 1, STORE)),
    "@llvm.memset.p0.i64": ((0, 2, 1, STORE),),
    "@libc.read": ((1, 2, 1, STORE),),
    "@libc.write": ((1, 2, 1, LOAD),),
    "@libc.poll": ((0, 1, 8, STORE),),  # struct pollfd
    "@libc.clock_gettime": ((1, "16", 1, STORE),),  # struct timespec
}
# These touch nothing, or nothing that is ours; what a rule's program reads is its own affair (pcap/native.py)
ELSEWHERE = re.compile(r"^(%.*|@llvm\.(prefetch|lifetime|assume|dbg|experimental\.noalias)\..*|@llvm\.assume|@libc\..*)$")
ERRNO = "@libc.__errno_location"


class Access(NamedTuple):
    """So many `unit`s of bytes (a number, or a value's name) at a pointer."""

    pointer: str
    size: str
    unit: int
    kind: int


def checked(text: str) -> str:
    """The module with checks and counters. All values in it must have names. CompileError if an access is not understood."""
    return _Module(text).text


class _Module:
    """A module's text on its way."""

    def __init__(self, text: str) -> None:
        self._places = Places(text)
        self._made = {match[1]: (match[2], match[3]) for line in text.splitlines() if (match := DEFINED.match(line))}
        self._constants = {name: int(count) * size_of(kind) for name, count, kind in CONSTANT.findall(text)}
        self._checks = self._blocks = 0
        self._files: dict[str, str] = {}
        self._last: dict[str, str] = {}  # a block's name -> that of its last part
        self._returns: list[str] = []
        self._label, self._entered = "", False
        lines = [new for line in text.splitlines() for new in self._line(line)]
        lines = [self._renamed(line) if " = phi " in line else line for line in lines]
        self.text = "\n".join([*lines, SUPPORT, *self._strings(), *self._sizes(text)])

    def _line(self, line: str) -> Iterator[str]:
        """What a line becomes."""
        if line.startswith("define "):
            begins = DEFINE.match(line)
            if not begins or begins[1] != "i32":
                raise CompileError(f"a function that cannot be left early, so not be checked: {line[:80]}")
        elif label := LABEL.match(line):
            self._label, self._entered = f"%{label[1]}", False
        elif line == "}":
            yield from self._returns
            self._returns.clear()
        elif line.startswith("  ") and self._label:
            if not self._entered and " = phi " not in line and " = alloca " not in line:
                self._entered = True
                yield from self._counted()
            for access in accesses(line):
                yield from self._checked(access, line)
        yield line

    def _counted(self) -> Iterator[str]:
        number = self._blocks
        self._blocks += 1
        if number == MOST_BLOCKS:
            raise CompileError(f"more than {MOST_BLOCKS} blocks of instructions")
        place = f'ptr getelementptr (i8, ptr @"checked.blocks", i64 {number})'
        yield f"  %runs.{number} = load i8, {place}"
        yield f"  %more.{number} = add i8 %runs.{number}, 1"
        yield f"  store i8 %more.{number}, {place}"

    def _checked(self, access: Access, line: str) -> Iterator[str]:
        """The check, and a new part of the block behind it."""
        roots = self._roots(access.pointer)
        if roots == {ERRNO}:
            return
        number = self._checks
        self._checks += 1
        yield f"  %at.{number} = ptrtoint ptr {access.pointer} to i64"
        yield f"  %size.{number} = mul i64 {access.size}, {access.unit}"
        what, fits = f"i64 %at.{number}, i64 %size.{number}", "false"
        for which, root in enumerate(sorted(roots)):
            yield from self._within(root, what, f"{number}.{which}")
            yield f"  %fits.{number}.{which} = or i1 {fits}, %in.{number}.{which}"
            fits = f"%fits.{number}.{which}"
        yield f"  br i1 {fits}, label %go.{number}, label %stop.{number}"
        yield f"go.{number}:"
        self._last[self._label] = f"%go.{number}"
        file, source_line = self._places.told(line)
        name = self._files.setdefault(file, f'@"checked.file.{len(self._files)}"')
        noted = f"{what}, i64 {access.kind}, i64 {source_line}, ptr {name}"
        self._returns += [f"stop.{number}:", f'  %s.{number} = call i32 @"checked.note"({noted})', f"  ret i32 %s.{number}"]

    def _within(self, root: str, what: str, number: str) -> Iterator[str]:
        """Whether it lies in memory of one origin."""
        if root.startswith("@"):
            size = self._constants.get(root, f"ptrtoint (ptr {size_symbol(root)} to i64)")
            low, total = f"ptrtoint (ptr {root} to i64)", str(size)
        elif root:
            words = re.match(r"\[(\d+) x i64\]", self._made[root][1])
            if not words:
                raise CompileError(f"memory on the stack of an unknown size: {root} = alloca {self._made[root][1][:60]}")
            yield f"  %low.{number} = ptrtoint ptr {root} to i64"
            low, total = f"%low.{number}", str(8 * int(words[1]))
        else:
            yield f'  %in.{number} = call i1 @"checked.may"({what})'
            return
        yield f'  %in.{number} = call i1 @"checked.within"({what}, i64 {low}, i64 {total})'

    def _roots(self, pointer: str) -> set[str]:
        """What a pointer may have been made from: tables (@...), memory on the stack (%...), "" for anything else."""
        found, seen, waiting = set[str](), set[str](), [pointer]
        while waiting:
            one = waiting.pop()
            kind, rest = self._made.get(one, ("", ""))
            if one in seen or one == "null":
                continue
            seen.add(one)
            if one.startswith("getelementptr"):
                waiting += re.findall(rf"ptr ({POINTER})", one)[:1]
            elif kind == "getelementptr":
                waiting += re.findall(rf"ptr ({POINTER})", rest)[:1]
            elif kind == "phi":
                waiting += re.findall(rf"\[ ({POINTER}), %", rest)
            elif kind == "select":
                waiting += re.findall(rf"ptr ({POINTER})", rest)
            elif kind == "alloca" or one.startswith("@"):
                found.add(one)
            elif kind and ERRNO in rest:
                found.add(ERRNO)
            else:
                found.add("")
        return found

    def _renamed(self, line: str) -> str:
        return INCOMING.sub(lambda match: f", {self._last.get(match[1], match[1])} ]", line)

    def _strings(self) -> Iterator[str]:
        for file, name in self._files.items():
            yield f'{name} = private constant [{len(file.encode()) + 1} x i8] c"{file}\\00"'

    def _sizes(self, text: str) -> Iterator[str]:
        """Declarations of tables' sizes that the program itself does not ask for."""
        for table in re.findall(rf"^(@(?:{NAME})) = external (?:local_unnamed_addr )?global i8", text, re.MULTILINE):
            size = size_symbol(table)
            if not table.startswith('@"size:') and f"\n{size} = " not in text:
                yield f"{size} = external global i8"


def size_symbol(table: str) -> str:
    """The symbol that stands for how many bytes a table has."""
    return '@"size:' + table[1:].strip('"') + '"'


def accesses(line: str) -> Iterator[Access]:
    """What an instruction touches."""
    if ACCESS.match(line):
        for pattern, kind in ACCESSES:
            if match := pattern.match(line):
                yield Access(match["pointer"], str(size_of(match["type"])), 1, kind)
                return
        raise CompileError(f"an access that cannot be checked: {line.strip()[:120]}")
    call = CALL.match(line)
    if not call or call[1].startswith('@"checked.'):
        return
    name, arguments = call[1].replace('"', ""), re.split(r", (?![^()]*\))", call[2])
    touched = TOUCHED.get(name, ())
    if not touched and re.search(r"\bptr\b", call[2]) and not ELSEWHERE.match(name):
        raise CompileError(f"a call that cannot be checked: {line.strip()[:120]}")
    for pointer, size, unit, kind in touched:
        found = re.search(rf"({POINTER})$", arguments[pointer])
        assert found, line
        yield Access(found[1], size if isinstance(size, str) else arguments[size].split()[-1], unit, kind)


def size_of(kind: str) -> int:
    """Bytes of a type."""
    count, _, element = kind.strip("<>").rpartition(" x ")
    bits = 64 if element == "ptr" else int(element[1:])
    return int(count or 1) * ((bits + 7) // 8)
