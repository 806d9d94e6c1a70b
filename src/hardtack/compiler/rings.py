"""Words for native code that shares memory with the kernel: ring indices, calls into libc.

A shared word read plainly in a loop would be read once: these are atomic, in the order that rings want. For native code
only.
"""

from __future__ import annotations

import ctypes

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from hardtack.compiler.language import I64, Pointer, external, i64, u64

I32 = ir.IntType(32)
LIBC = "libc."  # begins the name of a symbol that stands for a function of the C library
FUNCTIONS = ("sendto", "recvfrom", "poll", "read", "write", "clock_gettime", "syscall", "__errno_location")


@intrinsic
def load_acquire(_context, place):  # type: ignore[no-untyped-def]
    """The 32-bit index at `place`, an i64: whatever is read afterwards is at least as new."""

    def emit(_cx, b, _sig, a):  # type: ignore[no-untyped-def]
        return b.zext(b.load_atomic(b.bitcast(a[0], I32.as_pointer()), "acquire", 4), I64)

    return types.int64(Pointer), emit


@intrinsic
def store_release(_context, place, value):  # type: ignore[no-untyped-def]
    """Write the low 32 bits of `value` to the index at `place`: whatever was written before is seen before."""

    def emit(cx, b, _sig, a):  # type: ignore[no-untyped-def]
        b.store_atomic(b.trunc(a[1], I32), b.bitcast(a[0], I32.as_pointer()), "release", 4)
        return cx.get_dummy_value()

    return types.void(Pointer, types.int64), emit


# ssize_t sendto(int, const void *, size_t, int, const struct sockaddr *, socklen_t), and recvfrom alike
sendto = external(f"{LIBC}sendto", i64, types.int32, u64, u64, types.int32, u64, u64)
recvfrom = external(f"{LIBC}recvfrom", i64, types.int32, u64, u64, types.int32, u64, u64)
# int poll(struct pollfd *, nfds_t, int milliseconds)
poll = external(f"{LIBC}poll", types.int32, Pointer, u64, types.int32)
# ssize_t write(int, const void *, size_t)
write = external(f"{LIBC}write", i64, types.int32, Pointer, u64)
# ssize_t read(int, void *, size_t)
read = external(f"{LIBC}read", i64, types.int32, Pointer, u64)
# int clock_gettime(clockid_t, struct timespec *): no system call for coarse clocks
clock_gettime = external(f"{LIBC}clock_gettime", types.int32, types.int32, Pointer)
# long syscall(long number, ...), of three arguments
syscall = external(f"{LIBC}syscall", i64, i64, u64, u64, u64)
# int *__errno_location(void): this thread's errno
errno_location = external(f"{LIBC}__errno_location", Pointer)


def symbols() -> dict[str, int]:
    """Where the functions are in this process."""
    libc = ctypes.CDLL(None)
    return {LIBC + name: ctypes.cast(getattr(libc, name), ctypes.c_void_p).value or 0 for name in FUNCTIONS}
