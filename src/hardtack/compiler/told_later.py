"""Numbers of a packet program that are filled in when it is loaded: kernel/relocation.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from hardtack.compiler.program import FIELD, SIZE
from hardtack.image import Table


def size_of(table: Table) -> Callable[..., Any]:
    """A word for the bytes that the one entry of an array table has, in the table that the program is given."""
    return _told_later(SIZE + table.name)


def field_offset(path: str) -> Callable[..., Any]:
    """A word for the place, in bytes, of a member in a structure of the kernel that will load the program.

    `path`: "tcp_timewait_sock.tw_ts_recent"; more members lead into structures inside. For eBPF only.
    """
    return _told_later(FIELD + path)


def _told_later(name: str) -> Callable[..., Any]:
    """A word for a number that is filled in when the program is loaded."""
    llvm.add_symbol(name, 1)

    @intrinsic
    def number(_context):  # type: ignore[no-untyped-def]
        def emit(_cx, b, _sig, _a):  # type: ignore[no-untyped-def]
            module = b.module
            symbol = module.globals.get(name) or ir.GlobalVariable(module, ir.IntType(8), name)
            return b.ptrtoint(symbol, ir.IntType(64))

        return types.int64(), emit

    return number
