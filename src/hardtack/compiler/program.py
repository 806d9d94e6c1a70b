"""What is to be compiled: an entry function, the target it is for, and the tables it reads. Inert; standard library only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

from hardtack.image import ProgramKind, Table

Clock = Literal["coarse", "table"]
FIELD = "field:"  # begins the name of a symbol that stands for the place of a member in a kernel structure
SIZE = "size:"  # likewise, for the size of a table's one entry


@dataclass(frozen=True)
class Source:
    """A packet program before compilation.

    `entry` names, as `module:function`, a function that takes one pointer (the frame) and gives an int32. `clock`:
    "coarse" reads the kernel's coarse clock; with "table" that clock stands at 0, so that the offset in the `clock` table
    says what time it is, to the nanosecond (tests, replay). `flags` are BPF_F_* for loading.
    """

    name: str
    entry: str
    kind: ProgramKind
    tables: tuple[Table, ...]
    flags: int = 0
    clock: Clock = "coarse"

    @property
    def module(self) -> str:
        """The module that holds the entry."""
        return self.entry.partition(":")[0]

    def function(self) -> Callable[..., Any]:
        """The entry itself. This imports the packet program, and with it Numba."""
        module, _, name = self.entry.partition(":")
        found: Callable[..., Any] = getattr(import_module(module), name)
        return found
