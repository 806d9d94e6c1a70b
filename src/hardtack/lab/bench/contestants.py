"""Who is measured, and how each shows that it has really done what it is measured for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass

from hardtack.compiler.objects import compiled
from hardtack.kernel.datapath import Datapath
from hardtack.kernel.programs import Program
from hardtack.lab import programs
from hardtack.lab.bench.front import EXPECTED, Front, Fronts
from hardtack.lab.bench.ground import Ground
from hardtack.lab.bench.kinds import ALL, EVERY, FEW, KNOWN, MANY, STRANGERS, TRAINS, Kind
from hardtack.lab.counters import traffic

NAME, EMPTY = "hardtack", "hardtack-empty"


@dataclass(frozen=True, eq=False)
class Contestant:
    """One way to meet a frame.

    `done` says how many frames it has dealt with so far as it should. `program` None: the network stack, arranged by
    `arrange` for the time of a slice. A slow contestant is flooded `effort` times as long, so that it receives as many
    frames.
    """

    name: str
    title: str
    kinds: tuple[Kind, ...]
    done: Callable[[], int]
    program: Program | None = None
    arrange: Callable[[], AbstractContextManager[None]] = nullcontext
    effort: int = 1


def hardtack(fronts: Fronts) -> Iterator[Contestant]:
    """What all this is about: with a full table, except for segments of few connections; and with a nearly empty one."""
    for kind in ALL:
        if kind in STRANGERS:
            yield _front(EMPTY, f"hardtack, {FEW} known", fronts.of(kind.version, FEW), kind)
        title = f"hardtack, {MANY:,} known" if kind in STRANGERS else "hardtack"
        yield _front(NAME, title, fronts.for_kind(kind), kind)


def _front(name: str, title: str, front: Front, kind: Kind) -> Contestant:
    return Contestant(name, title, (kind,), lambda: front.counted(EXPECTED[kind.sends]), front.program)


@contextmanager
def yardsticks(place: Ground, fronts: Fronts) -> Iterator[list[Contestant]]:
    """The least that receiving costs, that answering costs (what came back counts), that sending on costs (what arrived)."""
    with ExitStack() as parts:
        tables = fronts.of(4).tables
        sources = (programs.DROP, programs.MIRROR, programs.STRAIGHT)
        drop, mirror, straight = (parts.enter_context(Datapath(compiled(one), tables)).program for one in sources)
        yield [
            Contestant("drop", "XDP drop", STRANGERS, lambda: 0, drop),
            Contestant("mirror", "XDP_TX mirror", ALL, lambda: traffic(place.net.near).received, mirror),
            Contestant("straight", "XDP redirect", (*KNOWN, *EVERY, *TRAINS), lambda: traffic(place.far).received, straight),
        ]
