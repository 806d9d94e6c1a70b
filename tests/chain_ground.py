"""Programs at a tcx hook: one that looks like ours, and one of somebody else's that lets nobody run behind it."""

from __future__ import annotations

from kernel_ground import image

from hardtack.image import Image, Reference, Table
from hardtack.kernel.assembly import op_map, returning

NEXT, PASS = -1, 0
TABLES = tuple(Table(name, "array", 4, 8, 1, 0, name) for name in ("clock", "counters"))
STRANGER = image(returning(PASS), "tcx", name="stranger")


def ours(name: str) -> Image:
    """As our program of this name looks to whoever asks the kernel."""
    code = op_map(1) + op_map(1) + returning(NEXT)
    return image(code, "tcx", (Reference(0, "map", "clock"), Reference(2, "map", "counters")), TABLES, name=name)
