"""A front is switched on: what this machine's kernel knows of connections that are open, its table knows, too."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from itertools import islice

from hardtack import journal
from hardtack.control.configuration.schema import Config
from hardtack.control.seeding import Planted, seeder
from hardtack.image import Image
from hardtack.kernel import conntrack, sockets
from hardtack.kernel.bpf import BpfError
from hardtack.kernel.standing import Standing
from hardtack.mistake import Mistake

EACH = 2  # names that are looked at, for each connection that the table is for: conntrack may know very many of others

Names = Callable[[], Iterator[bytes]]


def bring(front: Standing, config: Config, image: Image) -> None:
    """Have it in the table of a front that is at work; say how many. Nothing that goes wrong here is worth to stop for.

    Once programs are at work, so that whoever connects meanwhile is missed by neither. `image`: SEEDER's.
    """
    wanted = sources(config)
    if not wanted:
        return
    try:
        with seeder(image, front.tables) as planter:
            begun, most, found = time.monotonic(), EACH * config.front.connections, dict[str, Planted]()
            for origin, names in wanted.items():
                try:
                    found[origin] = planter.plant(islice(names(), most), time.monotonic_ns() // 1_000_000)
                except BpfError:
                    raise
                except OSError as error:
                    journal.note("not-seeded", logging.WARNING, by=origin, why=error.strerror or error)
    except (Mistake, BpfError) as error:
        journal.note("not-seeded", logging.WARNING, by=",".join(wanted), why=str(error).splitlines()[0])
        return
    tell(found, time.monotonic() - begun)


def sources(config: Config) -> dict[str, Names]:
    """Who is asked. Conntrack also where this machine is a host: of containers, it alone knows."""
    asked: dict[str, Names] = {"sockets": sockets.names} if any(host.via == "local" for host in config.hosts) else {}
    return asked | ({"conntrack": conntrack.names} if conntrack.is_there() else {})


def tell(found: dict[str, Planted], seconds: float) -> None:
    """A line: how many each has brought, and what became of the others that are protected."""
    total = sum(found.values(), Planted())
    brought = {origin: planted.seeded for origin, planted in found.items()}
    journal.note("seeded", **brought, known=total.known, no_room=total.no_room, seconds=round(seconds, 3))
