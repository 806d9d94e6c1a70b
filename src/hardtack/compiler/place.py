"""Where in Python an instruction of LLVM's comes from: its debug location, its scope, the scope's file."""

from __future__ import annotations

import re
from pathlib import Path

import llvmlite.binding as llvm

from hardtack.compiler.errors import short

LOCATION = re.compile(r"!dbg !(\d+)")
LIBRARY = "/numba/"  # Numba's own Python: a user wants the line that called it


class Places:
    """The debug locations of a module, read from its text."""

    def __init__(self, text: str) -> None:
        self.nodes = dict(re.findall(r"^!(\d+) = (.*)$", text, re.MULTILINE))

    def of(self, instruction: llvm.ValueRef) -> tuple[str, int]:
        """File and line; ("", 0) if they are not known.

        Code that Numba adds for an error's sake has none: then it is the line from which it is reached.
        """
        block = instruction.block
        seen: set[str] = set()
        while block is not None and block.name not in seen:
            seen.add(block.name)
            found = self._last_in(block, instruction)
            if found:
                return found
            block, instruction = _reached_from(block), None
        return "", 0

    def told(self, text: str) -> tuple[str, int]:
        """File and line that an instruction's text refers to; ("", 0) if it does not."""
        found = LOCATION.search(text)
        return (found and self._resolve(found[1])) or ("", 0)

    def _last_in(self, block: llvm.ValueRef, until: llvm.ValueRef | None) -> tuple[str, int] | None:
        """The place of the last instruction in a block that has one, `until` one included."""
        found = None
        for instruction in block.instructions:
            told = LOCATION.search(str(instruction))
            found = (told and self._resolve(told[1])) or found
            if until is not None and instruction == until:
                break
        return found

    def _resolve(self, number: str) -> tuple[str, int] | None:
        """A DILocation's file and line, where it was inlined if it lies in a library."""
        while True:
            node = self.nodes.get(number, "")
            line, scope = re.search(r"line: (\d+)", node), re.search(r"scope: !(\d+)", node)
            caller = re.search(r"inlinedAt: !(\d+)", node)
            file = self._file(scope[1]) if scope else ""
            if line and int(line[1]) and file and not (LIBRARY in file and caller):
                return short(file), int(line[1])
            if not caller:
                return None
            number = caller[1]

    def _file(self, scope: str) -> str:
        named = re.search(r"\bfile: !(\d+)", self.nodes.get(scope, ""))
        parts = named and re.search(r'filename: "([^"]+)", directory: "([^"]*)"', self.nodes.get(named[1], ""))
        return str(Path(parts[2]) / parts[1]) if parts else ""


def _reached_from(block: llvm.ValueRef) -> llvm.ValueRef | None:
    """The first block that jumps to this one."""
    for other in block.function.blocks:
        *_, last = other.instructions
        if re.search(rf'label %"?{re.escape(block.name)}"?[,\s\n]', f"{last}\n"):
            return other
    return None
