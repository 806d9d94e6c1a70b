"""Words about the memory hierarchy, for native code only: eBPF has no such instruction."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from hardtack.compiler.language import Pointer

READ, KEPT, DATA = 0, 3, 1  # of llvm.prefetch: not to be written; into every cache; not instructions
I32 = ir.IntType(32)


@intrinsic
def prefetch(_context, pointer):  # type: ignore[no-untyped-def]
    """Ask for the cache line at `pointer` (a CPointer), and do not wait for it. Any address will do: it is only a hint."""

    def emit(cx, b, _sig, a):  # type: ignore[no-untyped-def]
        function = b.module.declare_intrinsic(
            "llvm.prefetch", [a[0].type], ir.FunctionType(ir.VoidType(), [a[0].type, I32, I32, I32])
        )
        b.call(function, [a[0], ir.Constant(I32, READ), ir.Constant(I32, KEPT), ir.Constant(I32, DATA)])
        return cx.get_dummy_value()

    return types.void(Pointer), emit
