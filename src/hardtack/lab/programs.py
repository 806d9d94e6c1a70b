"""The lab's own packet programs, as things to compile."""

from __future__ import annotations

from hardtack.compiler.program import Source
from hardtack.lab.packets.crowd import CROWD
from hardtack.lab.packets.recipe import RECIPE
from hardtack.packet.layout import DEVICES
from hardtack.packet.programs import FRAGS

FLOOD = Source("flood", "hardtack.lab.packets.flood:flood", "xdp", (RECIPE,))
SEGMENTS = Source("segments", "hardtack.lab.packets.segments:segments", "xdp", (CROWD,))

SINK = Source("sink", "hardtack.lab.packets.yardsticks:sink", "xdp", ())
MIRROR = Source("mirror", "hardtack.lab.packets.yardsticks:mirror", "xdp", ())
STRAIGHT = Source("straight", "hardtack.lab.packets.yardsticks:straight", "xdp", (DEVICES,), FRAGS)
DROP = Source("drop", "hardtack.lab.packets.yardsticks:drop", "xdp", ())
PASS = Source("pass", "hardtack.lab.packets.yardsticks:let_pass", "xdp", ())
