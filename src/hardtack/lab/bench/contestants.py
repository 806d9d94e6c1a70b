"""Who is measured, and how each shows that it has really answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from hardtack.agent.upkeep import Upkeep
from hardtack.compiler.objects import compiled
from hardtack.control import config
from hardtack.control.tables import host_entries, host_updates
from hardtack.kernel.datapath import Datapath
from hardtack.kernel.programs import Program
from hardtack.lab import programs
from hardtack.lab.addresses import SERVER
from hardtack.lab.bench import kinds
from hardtack.lab.bench.kinds import Kind
from hardtack.lab.counters import traffic
from hardtack.lab.links import Interface
from hardtack.packet.programs import FRONT
from hardtack.packet.reasons import Reason

MASTER = bytes(range(32))  # of cookie.md's vectors: nothing here is secret
CONFIGURATION = f"""
[front]
interface = "outside"
key_file = "key"

[[host]]
name = "bench"
addresses = ["{SERVER[0]}", "{SERVER[1]}"]
ports = [{kinds.PORT}, 443]
handshake = "agent"
via = "kernel"
"""


@dataclass(frozen=True, eq=False)
class Contestant:
    """One way to meet a SYN.

    `answered` says how many it has answered so far. `program` None: the network stack, arranged by `arrange` for the
    time of a slice. A slow contestant is flooded `effort` times as long, so that it receives as many frames.
    """

    name: str
    title: str
    kinds: tuple[Kind, ...]
    answered: Callable[[], int]
    program: Program | None = None
    arrange: Callable[[], AbstractContextManager[None]] = nullcontext
    effort: int = 1


class Front:
    """The front's tables, filled for the lab's server, its own program, and others that read the same tables."""

    def __init__(self, datapath: Datapath) -> None:
        self.datapath = datapath
        for table, key, value in host_updates(host_entries(configuration())):
            datapath.tables[table].update(key, value)
        self._upkeep = Upkeep(datapath.tables, MASTER)
        self.keep_up()

    def keep_up(self) -> None:
        """Keys and clock, as `hardtack front` keeps them."""
        self._upkeep.write()

    def answered(self) -> int:
        """SYNs answered so far, by its own counters."""
        return self.datapath.counters()[Reason.answered]

    def contestant(self) -> Contestant:
        """What all this is about."""
        return Contestant("hardtack", "hardtack", kinds.ALL, self.answered, self.datapath.program)


def configuration() -> config.Config:
    """As an operator would write it, for the lab's server."""
    return config.read(CONFIGURATION, Path("bench.toml"))


@contextmanager
def open_front() -> Iterator[Front]:
    """The front, not attached to anything yet."""
    with Datapath(compiled(FRONT)) as datapath:
        yield Front(datapath)


@contextmanager
def yardsticks(near: Interface) -> Iterator[tuple[Contestant, Contestant]]:
    """The least that receiving costs, and the least that answering costs: what came back counts as answered."""
    with ExitStack() as parts:
        drop, mirror = (parts.enter_context(Datapath(compiled(s))).program for s in (programs.DROP, programs.MIRROR))
        yield (
            Contestant("drop", "XDP drop", kinds.ALL, lambda: 0, drop),
            Contestant("mirror", "XDP_TX mirror", kinds.ALL, lambda: traffic(near).received, mirror),
        )
