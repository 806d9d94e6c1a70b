"""Where each nanosecond goes: the front's program cut off after each step, each cut measured like any contestant."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from hardtack.compiler.objects import compiled
from hardtack.compiler.program import Source
from hardtack.kernel.datapath import Datapath
from hardtack.lab.bench import kinds
from hardtack.lab.bench.contestants import Contestant, Front
from hardtack.lab.counters import traffic
from hardtack.lab.links import Interface
from hardtack.lab.packets.found import FOUND, ORIGINAL
from hardtack.packet.programs import FRONT

KINDS = (kinds.IPV4, kinds.IPV6)
# Name of the program in lab/packets/stages.py, and what it does more than the one before it
CUTS = (
    ("touched", "a look at the frame's second cache line"),
    ("parsed", "parse: Ethernet, IP, TCP, lengths"),
    ("host_found", "host and port look-up"),
    ("judged", "flags, IPv4 header checksum"),
    ("dated", "time, epoch, key"),
    ("options_read", "TCP options, options byte"),
    ("hashed", "SipHash-2-4"),
    ("answered", "SYN-ACK written, checksums"),
)
LAST = "reason counted: the whole program"


def cut(name: str) -> Source:
    """A program of lab/packets/stages.py, as a thing to compile."""
    return replace(FRONT, name=name, entry=f"hardtack.lab.packets.stages:{name}", tables=(*FRONT.tables, FOUND, ORIGINAL))


@contextmanager
def cut_off(front: Front, near: Interface) -> Iterator[list[Contestant]]:
    """The cuts in order; they share the front's tables."""
    with ExitStack() as parts:
        yield [
            Contestant(
                name,
                title,
                KINDS,
                lambda: traffic(near).received,
                parts.enter_context(Datapath(compiled(cut(name)), front.datapath.tables)).program,
            )
            for name, title in CUTS
        ]
