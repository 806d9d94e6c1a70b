"""What is to be compiled: an entry function, the target it is for, and the tables it reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hardtack.image import ProgramKind, Table


@dataclass(frozen=True)
class Source:
    """A packet program before compilation.

    `entry` takes one pointer (the frame) and returns an int32; it is named `module:function` in `origin`, so that it can be
    found, hashed and named in messages without importing Numba. `clock`: "coarse" reads the kernel's coarse clock;
    "table" makes the platform's clock stand at 0, so that the `clock` table alone says what time it is (tests, replay).
    """

    name: str
    entry: Callable[..., Any]
    kind: ProgramKind
    tables: tuple[Table, ...]
    flags: int = 0
    clock: str = "coarse"
