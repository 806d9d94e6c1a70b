"""The words a packet program is written in: what Python itself cannot say about memory, and calls that leave the program.

Numbers: `load8`, `load16`, `load32` and their big-endian kin give an int64 that is never negative, so ordinary arithmetic,
shifts and comparisons are right; only 64-bit words (`load64`, hashes, addresses) are uint64. Numba's rules for narrow and
unsigned types surprise (uint32 - uint32 is uint64, uint64 + 1 is signed): do no arithmetic on them.

Pointers stay pointers (never integers), because the kernel's verifier follows them: `at(p, n)` moves one,
`beyond(p, n, end)` says whether n bytes from p pass the end of the frame. A bound holds for the
very pointer it was checked on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba import from_dtype, njit, types
from numba.core.errors import RequireLiteralValue
from numba.extending import intrinsic

from hardtack.image import Table

Pointer = types.CPointer(types.uint8)
BYTES = ir.IntType(8).as_pointer()
I64 = ir.IntType(64)

u64 = types.uint64
i64 = types.int64

# A function of a packet program: typed where it is called, inlined everywhere, the same source for every target.
inlined = njit(debug=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)


def _place(builder: Any, pointer: Any, offset: Any, bits: int) -> Any:
    return builder.bitcast(builder.gep(pointer, [offset]), ir.IntType(bits).as_pointer())


def _loader(bits: int, swap: bool = False) -> Callable[..., Any]:
    """Natural alignment is promised to LLVM, else it would emit byte-wise code; veth, NICs and x86 all allow odd places."""
    result = types.uint64 if bits == 64 else types.int64

    @intrinsic
    def load(_context, pointer, offset):  # type: ignore[no-untyped-def]
        def emit(_cx, b, _sig, a):  # type: ignore[no-untyped-def]
            value = b.load(_place(b, a[0], a[1], bits), align=bits // 8)
            if swap:
                value = b.bswap(value)
            return b.zext(value, I64) if bits < 64 else value

        return result(Pointer, types.int64), emit

    return load


def _storer(bits: int, swap: bool = False) -> Callable[..., Any]:
    argument = types.uint64 if bits == 64 else types.int64

    @intrinsic
    def store(_context, pointer, offset, value):  # type: ignore[no-untyped-def]
        def emit(cx, b, _sig, a):  # type: ignore[no-untyped-def]
            narrow = b.trunc(a[2], ir.IntType(bits)) if bits < 64 else a[2]
            if swap:
                narrow = b.bswap(narrow)
            b.store(narrow, _place(b, a[0], a[1], bits), align=bits // 8)
            return cx.get_dummy_value()

        return types.void(Pointer, types.int64, argument), emit

    return store


# In this machine's byte order (checksums and copies do not care), and in the network's (…be).
load8, load16, load32, load64 = _loader(8), _loader(16), _loader(32), _loader(64)
load16be, load32be = _loader(16, swap=True), _loader(32, swap=True)
store8, store16, store32, store64 = _storer(8), _storer(16), _storer(32), _storer(64)
store16be, store32be = _storer(16, swap=True), _storer(32, swap=True)


@intrinsic
def swap16(_context, value):  # type: ignore[no-untyped-def]
    """The low 16 bits in the other byte order."""

    def emit(_cx, b, _sig, a):  # type: ignore[no-untyped-def]
        return b.zext(b.bswap(b.trunc(a[0], ir.IntType(16))), I64)

    return types.int64(types.int64), emit


@intrinsic
def swap32(_context, value):  # type: ignore[no-untyped-def]
    """The low 32 bits in the other byte order."""

    def emit(_cx, b, _sig, a):  # type: ignore[no-untyped-def]
        return b.zext(b.bswap(b.trunc(a[0], ir.IntType(32))), I64)

    return types.int64(types.int64), emit


@intrinsic
def swap64(_context, value):  # type: ignore[no-untyped-def]
    """A 64-bit word in the other byte order."""
    return types.uint64(types.uint64), lambda _cx, b, _sig, a: b.bswap(a[0])


@intrinsic
def at(_context, pointer, offset):  # type: ignore[no-untyped-def]
    """The pointer, `offset` bytes on."""
    return Pointer(Pointer, types.int64), lambda _cx, b, _sig, a: b.gep(a[0], [a[1]])


@intrinsic
def beyond(_context, pointer, size, end):  # type: ignore[no-untyped-def]
    """Whether `size` bytes from `pointer` reach past `end`: the pointer comparison that teaches the verifier a bound."""

    def emit(_cx, b, _sig, a):  # type: ignore[no-untyped-def]
        return b.icmp_unsigned(">", b.gep(a[0], [a[1]]), a[2])

    return types.boolean(Pointer, types.int64, Pointer), emit


@intrinsic
def distance(_context, start, end):  # type: ignore[no-untyped-def]
    """Bytes from `start` to `end`."""

    def emit(_cx, b, _sig, a):  # type: ignore[no-untyped-def]
        return b.sub(b.ptrtoint(a[1], I64), b.ptrtoint(a[0], I64))

    return types.int64(Pointer, Pointer), emit


@intrinsic
def absent(_context, thing):  # type: ignore[no-untyped-def]
    """Whether a look-up gave nothing (a null pointer or record)."""

    def emit(_cx, b, _sig, a):  # type: ignore[no-untyped-def]
        return b.icmp_unsigned("==", a[0], ir.Constant(a[0].type, None))

    return types.boolean(thing), emit


def declared(builder: Any, name: str, result: Any, *arguments: Any) -> Any:
    """A function of the platform, in the module that is being built."""
    return builder.module.globals.get(name) or ir.Function(builder.module, ir.FunctionType(result, arguments), name)


for _name in ("barrier", "untold"):
    llvm.add_symbol(_name, 1)  # see `external`


@intrinsic
def barrier(_context):  # type: ignore[no-untyped-def]
    """For the verifier: keep LLVM from carrying the content of tables in registers across this place.

    What the verifier reads back from a table it knows nothing about, so states that differ only in such values are one
    state to it: a loop that keeps its variables in a table costs it one walk of the loop, not one for every history. In
    native code it is nothing.
    """

    def emit(cx, b, _sig, _a):  # type: ignore[no-untyped-def]
        b.call(declared(b, "barrier", ir.VoidType()), [])
        return cx.get_dummy_value()

    return types.void(), emit


@intrinsic
def untold(_context, value):  # type: ignore[no-untyped-def]
    """For the verifier: `value`, of which LLVM now knows nothing: a bound given to it behind this stays in the program.

    LLVM drops a bound that follows from what was asked before, which an older verifier has forgotten by then. Costs nothing;
    in native code it is `value`.
    """
    return types.int64(types.int64), lambda _cx, b, _sig, a: b.call(declared(b, "untold", I64, I64), [a[0]])


@intrinsic
def zero_after(_context, word):  # type: ignore[no-untyped-def]
    """0, known only once `word` (uint64) has been read: a read at an address made with it comes after that of `word`."""

    def emit(_cx, b, _sig, a):  # type: ignore[no-untyped-def]
        same = b.call(ir.InlineAsm(ir.FunctionType(I64, [I64]), "", "=r,0"), [a[0]])
        return b.sub(same, a[0])

    return types.int64(types.uint64), emit


@intrinsic
def scratch(_context, size):  # type: ignore[no-untyped-def]
    """`size` bytes on the stack (a literal, a multiple of 8), their content undefined."""
    if not isinstance(size, types.Literal):
        raise RequireLiteralValue("scratch() wants a literal size")
    words = size.literal_value // 8

    def emit(_cx, b, _sig, _a):  # type: ignore[no-untyped-def]
        with b.goto_entry_block():
            place = b.alloca(ir.ArrayType(I64, words))
        return b.bitcast(place, BYTES)

    return Pointer(size), emit


def new(dtype: np.dtype[Any]) -> Callable[..., Any]:
    """A word that makes a record of `dtype` on the stack; free where LLVM can keep its fields in registers."""
    record, words = from_dtype(dtype), (dtype.itemsize + 7) // 8

    @intrinsic
    def make(_context):  # type: ignore[no-untyped-def]
        def emit(cx, b, _sig, _a):  # type: ignore[no-untyped-def]
            with b.goto_entry_block():
                place = b.alloca(ir.ArrayType(I64, words))
            return b.bitcast(place, cx.get_value_type(record))

        return record(), emit

    return make


def viewed(dtype: np.dtype[Any]) -> Callable[..., Any]:
    """A word that views the memory at a pointer as a record of `dtype`."""
    record = from_dtype(dtype)

    @intrinsic
    def view(_context, pointer):  # type: ignore[no-untyped-def]
        return record(Pointer), lambda cx, b, _sig, a: b.bitcast(a[0], cx.get_value_type(record))

    return view


@intrinsic
def address(_context, record):  # type: ignore[no-untyped-def]
    """Where a record lies, as a plain pointer."""
    return Pointer(record), lambda _cx, b, _sig, a: b.bitcast(a[0], BYTES)


def _numba_type(kind: Any) -> Any:
    return from_dtype(kind) if isinstance(kind, np.dtype) else kind


def _calling(callee: Callable[[Any, Any], Any], result: Any, arguments: tuple[Any, ...]) -> Callable[..., Any]:
    """An intrinsic that calls what `callee(builder, function type)` gives, with just these argument types."""
    result, arguments = _numba_type(result), tuple(_numba_type(argument) for argument in arguments)

    def typed(_context):  # type: ignore[no-untyped-def]
        def emit(cx, b, _sig, values):  # type: ignore[no-untyped-def]
            kind = ir.FunctionType(cx.get_value_type(result), [cx.get_value_type(a) for a in arguments])
            return b.call(callee(b, kind), list(values))

        return result(*arguments), emit

    # Numba reads the number of arguments from the signature; it takes no *args here.
    names = ", ".join(f"a{number}" for number in range(len(arguments)))
    template: Any = eval(f"lambda context, {names}: typed(context)", {"typed": typed})
    return intrinsic(template)


def external(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    """A platform call or kfunc: an extern symbol, bound when the program is built for a target."""
    llvm.add_symbol(name, 1)  # Numba also finishes native code of its own, which must find every extern

    def callee(b: Any, kind: Any) -> Any:
        return b.module.globals.get(name) or ir.Function(b.module, kind, name)

    return _calling(callee, result, arguments)


def helper(number: int, result: Any, *arguments: Any) -> Callable[..., Any]:
    """A kernel helper by its number (enum bpf_func_id): for programs that exist as eBPF only."""

    def callee(b: Any, kind: Any) -> Any:
        return b.inttoptr(ir.Constant(I64, number), kind.as_pointer())

    return _calling(callee, result, arguments)


def entry_of(table: Table, dtype: np.dtype[Any]) -> Callable[..., Any]:
    """A word for the one entry of an array table: its memory, with no call. `keys = entry_of(KEYS, Keys)`."""
    record = from_dtype(dtype)
    llvm.add_symbol(table.name, 1)

    @intrinsic
    def entry(_context):  # type: ignore[no-untyped-def]
        def emit(cx, b, _sig, _a):  # type: ignore[no-untyped-def]
            module = b.module
            symbol = module.globals.get(table.name) or ir.GlobalVariable(module, ir.IntType(8), table.name)
            return b.bitcast(symbol, cx.get_value_type(record))

        return record(), emit

    return entry


def entry_at(table: Table, value: np.dtype[Any]) -> Callable[..., Any]:
    """A word for the entry at an index of an array (this CPU's, if it has one for each); test the result with `absent`.

    Only the kernel looks whether there is such an entry: elsewhere the index must be right.
    """
    return external(f"{table.name}.at", value, types.int64)


def entry_of_key(table: Table) -> Callable[..., Any]:
    """A word for the entry of a key, in a table that is no array; test the result with `absent`. For eBPF only."""
    return external(f"{table.name}.of", Pointer, Pointer)


def put_in(table: Table) -> Callable[..., Any]:
    """A word that writes a key and its value into a table that is no array; 0, or an error. For eBPF only."""
    return external(f"{table.name}.put", i64, Pointer, Pointer)


@intrinsic
def compare_exchange(_context, place, expected, wanted):  # type: ignore[no-untyped-def]
    """Put `wanted` in the 64-bit word at `place` if it is as `expected`, atomically: what was there before."""

    def emit(_cx, b, _sig, a):  # type: ignore[no-untyped-def]
        word = b.bitcast(a[0], I64.as_pointer())
        return b.extract_value(b.cmpxchg(word, a[1], a[2], "seq_cst", "seq_cst"), 0)

    return types.uint64(Pointer, types.uint64, types.uint64), emit


@intrinsic
def set_bits(_context, place, bits):  # type: ignore[no-untyped-def]
    """Set these bits of the 64-bit word at `place`, atomically, and after all that was written before."""

    def emit(cx, b, _sig, a):  # type: ignore[no-untyped-def]
        b.atomic_rmw("or", b.bitcast(a[0], I64.as_pointer()), a[1], "seq_cst")
        return cx.get_dummy_value()

    return types.void(Pointer, types.uint64), emit


def nothing_of(dtype: np.dtype[Any]) -> Callable[..., Any]:
    """A word for the null pointer where a record is expected."""
    record = from_dtype(dtype)

    @intrinsic
    def nothing(_context):  # type: ignore[no-untyped-def]
        return record(), lambda cx, _b, _sig, _a: ir.Constant(cx.get_value_type(record), None)

    return nothing


def own_entry(table: Table, value: np.dtype[Any]) -> Callable[..., Any]:
    """A word for this CPU's entry of a one-entry per-CPU table; test the result with `absent`."""
    return external(f"{table.name}.own", value)
