"""Words about memory for native code only: addresses that records contain, and what is to be in the caches soon."""

from __future__ import annotations

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from hardtack.compiler.language import BYTES, I64, Pointer, declared

llvm.add_symbol("prefetch", 1)  # a platform call, so that a build can do without: native.Means


@intrinsic
def prefetch(_context, pointer):  # type: ignore[no-untyped-def]
    """Ask for the cache line at `pointer`, and do not wait for it. Any address will do: it is only a hint."""

    def emit(cx, b, _sig, a):  # type: ignore[no-untyped-def]
        b.call(declared(b, "prefetch", ir.VoidType(), BYTES), [a[0]])
        return cx.get_dummy_value()

    return types.void(Pointer), emit


@intrinsic
def pointer_at(_context, number):  # type: ignore[no-untyped-def]
    """The pointer that a 64-bit number, as records keep them, is."""
    return Pointer(types.uint64), lambda _cx, b, _sig, a: b.inttoptr(a[0], BYTES)


@intrinsic
def number_of(_context, pointer):  # type: ignore[no-untyped-def]
    """The number that a pointer is: u64."""
    return types.uint64(Pointer), lambda _cx, b, _sig, a: b.ptrtoint(a[0], I64)
