"""Where a grace period begins, what this machine's kernel knows of open connections, the front's table knows, too."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

from hardtack import journal
from hardtack.control.configuration.schema import Config
from hardtack.control.seeding import Planted, seeder
from hardtack.engines import xdp
from hardtack.kernel import conntrack, sockets
from hardtack.kernel.bpf import BpfError
from hardtack.kernel.maps import Map
from hardtack.mistake import Mistake

EACH = 2  # names that are looked at, for each connection that the table is for: conntrack may know very many of others

Names = Callable[[], Iterator[bytes]]


@dataclass(frozen=True)
class Asking:
    """Whom to ask, and how much. `sockets`: a host is this machine; `most`: names that are looked at."""

    sockets: bool
    most: int

    @classmethod
    def of(cls, config: Config) -> Asking:
        """For a configuration."""
        return cls(any(host.via == "local" for host in config.hosts), EACH * config.front.connections)

    def sources(self) -> dict[str, Names]:
        """Conntrack also where this machine is a host: of its containers, it alone knows."""
        asked: dict[str, Names] = {"sockets": sockets.names} if self.sockets else {}
        return asked | ({"conntrack": conntrack.names} if conntrack.is_there() else {})


@dataclass
class Brought:
    """How many each has brought; of others that are protected, how many were known, and found no room; what went wrong."""

    seeded: dict[str, int] = field(default_factory=dict)
    known: int = 0
    no_room: int = 0
    seconds: float = 0.0
    problems: dict[str, str] = field(default_factory=dict)

    def add(self, origin: str, planted: Planted) -> None:
        """What has become of those that one has named."""
        self.seeded[origin] = planted.seeded
        self.known += planted.known
        self.no_room += planted.no_room

    def tell(self) -> None:
        """In the log."""
        for origin, why in self.problems.items():
            journal.note("not-seeded", logging.WARNING, by=origin, why=why)
        if self.seeded:
            journal.note("seeded", **self.seeded, known=self.known, no_room=self.no_room, seconds=self.seconds)


def bring(tables: Mapping[str, Map], asking: Asking) -> Brought:
    """Have it in the tables of a front. What goes wrong is nothing to stop for.

    Programs are at work by then, so that whoever connects meanwhile is missed by neither.
    """
    brought, begun = Brought(), time.monotonic()
    if wanted := asking.sources():
        try:
            with seeder(xdp.seeder(), tables) as planter:
                for origin, names in wanted.items():
                    try:
                        some = islice(names(), asking.most)
                        brought.add(origin, planter.plant(some, time.monotonic_ns() // 1_000_000))
                    except BpfError:
                        raise
                    except OSError as error:
                        brought.problems[origin] = error.strerror or str(error)
        except (Mistake, BpfError) as error:
            brought.problems[",".join(wanted)] = str(error).splitlines()[0]
    brought.seconds = round(time.monotonic() - begun, 3)
    return brought
