"""The lab's own packet programs, as things to compile."""

from __future__ import annotations

from hardtack.compiler.program import Source
from hardtack.lab.packets.recipe import RECIPE

FLOOD = Source("flood", "hardtack.lab.packets.flood:flood", "xdp", (RECIPE,))

SINK = Source("sink", "hardtack.lab.packets.yardsticks:sink", "xdp", ())
MIRROR = Source("mirror", "hardtack.lab.packets.yardsticks:mirror", "xdp", ())
DROP = Source("drop", "hardtack.lab.packets.yardsticks:drop", "xdp", ())
PASS = Source("pass", "hardtack.lab.packets.yardsticks:let_pass", "xdp", ())
