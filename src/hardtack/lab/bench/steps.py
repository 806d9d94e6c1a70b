"""Where each nanosecond goes: the front's program cut off after each step, each cut measured like any contestant."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from hardtack.compiler.objects import compiled
from hardtack.compiler.program import Source
from hardtack.kernel.datapath import Datapath
from hardtack.lab.bench.contestants import Contestant
from hardtack.lab.bench.front import Fronts
from hardtack.lab.bench.ground import Ground
from hardtack.lab.bench.kinds import STEPPED, VERSIONS, Kind
from hardtack.lab.counters import traffic
from hardtack.lab.packets.found import FOUND, ORIGINAL
from hardtack.packet.programs import FRONT

# Name of the program in lab/packets/stages.py, and what it does more than the one before it
ALL_TAKE = (
    ("touched", "a look at the frame's second cache line"),
    ("parsed", "parse: Ethernet, IP, lengths"),
    ("host_found", "host look-up"),
    ("segment_read", "TCP header, port look-up"),
    ("dated", "time"),
    ("looked_up", "connection look-up"),
)
JUDGED = {
    "syn": "flags, IPv4 header checksum, key, reply budget",
    "ack": "flags",
    "known": "connection followed",
}
COOKIE = (("options_read", "TCP options"), ("hashed", "SipHash-2-4"))
LAST = {
    "syn": "SYN-ACK written, reason counted: the whole program",
    "ack": "cookie compared, reason counted: the whole program",
    "known": "reason counted, sent on: the whole program",
}
NAMES = (*(name for name, _ in ALL_TAKE), "judged_so_far", *(name for name, _ in COOKIE))


def taken(kind: Kind) -> tuple[tuple[str, str], ...]:
    """The steps for this kind of frame, without the last: names and titles."""
    judged = ("judged_so_far", JUDGED[kind.sends])
    return (*ALL_TAKE, judged, *(COOKIE if kind.sends != "known" else ()))


def cut(name: str) -> Source:
    """A program of lab/packets/stages.py, as a thing to compile."""
    return replace(FRONT, name=name, entry=f"hardtack.lab.packets.stages:{name}", tables=(*FRONT.tables, FOUND, ORIGINAL))


@contextmanager
def cut_off(place: Ground, fronts: Fronts) -> Iterator[list[Contestant]]:
    """The cuts in order; they share the front's tables."""
    with ExitStack() as parts:
        found = []
        for version in VERSIONS:
            tables = fronts.of(version).tables
            for name in NAMES:
                program = parts.enter_context(Datapath(compiled(cut(name)), tables)).program
                for kind in STEPPED:
                    title = dict(taken(kind)).get(name)
                    if title and kind.version == version:
                        found.append(Contestant(name, title, (kind,), lambda: traffic(place.net.near).received, program))
        yield found
