"""What rules cost: the same front and the same frame, whose host has none, or ten of which none matches: in turn."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from hardtack.compiler.objects import compiled
from hardtack.control.configuration.rules import parse
from hardtack.control.rules import Line, Ruled, Ruling, fill_rules, laid
from hardtack.engines import xdp
from hardtack.kernel import programs
from hardtack.kernel.datapath import Datapath
from hardtack.lab.bench.frames import segment
from hardtack.lab.bench.front import Front
from hardtack.lab.bench.kinds import VERSIONS
from hardtack.lab.packets.recipe import RST
from hardtack.packet.layout import Host
from hardtack.packet.programs import FRONT_RULED
from hardtack.packet.rule_tables import AFTER_RULES
from hardtack.pcap import libpcap

REPEAT = 8_000  # runs at a time
# As somebody under attack has them, and one who lets his monitoring in
TYPICAL = (
    "pass src host 203.0.113.17",
    "drop udp and src port 53",
    "drop udp and src port 123",
    "drop udp and src port 1900",
    "drop udp and src port 11211",
    "limit 1k/s icmp or icmp6",
    "limit 20k/s udp",
    "drop tcp and src net 192.0.2.0/24",
    "limit 10/s per source tcp and dst port 22",
    "drop tcp[tcpflags] & (tcp-syn|tcp-rst) = (tcp-syn|tcp-rst)",
)


@dataclass(frozen=True)
class Rules:
    """ns a frame: of a host without rules, and with so many."""

    version: int
    many: int
    without: int
    ruled: int

    @property
    def cost(self) -> int:
        """Of all of them together, tail calls included."""
        return self.ruled - self.without


def rules(front: Front, version: int, mac: bytes, attempts: int, told: Callable[[str], None]) -> Rules:
    """An RST of no connection, again and again, by turns: the least that each took. The host has no rules afterwards."""
    lines = tuple(Line(parse(text), ("", text)) for text in TYPICAL)
    placed = laid({"bench": Ruled(Ruling(lines))})
    frame = 2 * mac + segment(version, b"", flags=RST)[2 * len(mac) :]
    words = np.frombuffer(front.tables["hosts"].memory(), Host)["rules"]
    least = {0: 1 << 30, placed.words["bench"]: 1 << 30}
    with ExitStack() as parts:
        second = parts.enter_context(Datapath(compiled(FRONT_RULED), front.tables))
        fill_rules(second.tables["rules"], placed)
        jumps = front.tables["rule_programs"]
        jumps.update(AFTER_RULES.to_bytes(4, "little"), second.program.fd.to_bytes(4, "little"))
        for expressions, place in placed.slots.items():
            image = xdp.rule_image([libpcap.compile(one) for one in expressions], "xdp", place)
            program = parts.enter_context(programs.load(image, second.tables))
            jumps.update(place.to_bytes(4, "little"), program.fd.to_bytes(4, "little"))
        for number in range(attempts):
            told(f"rules over {VERSIONS[version]}, {number + 1} of {attempts}")
            for word in least:
                words[1] = word
                least[word] = min(least[word], front.program.test_run(frame, REPEAT).nanoseconds)
        words[1] = 0
    without, ruled = least.values()
    return Rules(version, len(TYPICAL), without, ruled)
