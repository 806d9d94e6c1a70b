"""How a packet program reaches the outside: a handful of platform calls, bound anew for each target (see compiler/)."""

from __future__ import annotations

from hardtack.compiler.language import Pointer, external, i64, u64

# Where the frame begins and ends. Ask again after `resize`: older pointers are void.
head = external("head", Pointer, Pointer)
tail = external("tail", Pointer, Pointer)

# Length of the frame in bytes, also of the part beyond `tail` that a frame of several buffers has.
whole_length = external("whole_length", i64, Pointer)

# resize(frame, more): make the frame `more` bytes longer (or shorter) at its end. 0, or an error.
resize = external("resize", i64, Pointer, i64)

# copy(frame, offset, to, size): bytes of the frame to the stack. 0, or an error.
copy = external("copy", i64, Pointer, i64, Pointer, i64)

# Changes every few ms and costs nothing to read. 0: there is no such thing here.
tick = external("tick", u64)

# A clock that starts anywhere and is fairly cheap to read: ns, a few ms coarse. See `time`.
coarse_ns = external("coarse_ns", u64)
