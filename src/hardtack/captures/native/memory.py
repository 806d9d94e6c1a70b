"""Words for memory that is nobody's frame: for native code alone (compiler/native.py has what they stand for)."""

from __future__ import annotations

from hardtack.compiler.language import Pointer, external, i64

# copy_bytes(to, from, size): what must not overlap. Gives the size.
copy_bytes = external("copy_bytes", i64, Pointer, Pointer, i64)
