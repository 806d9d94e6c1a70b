"""A front that sends on to its host by itself, as a router and as a switch: one host for each, on one machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from handshake.stage import TALK

from fronts.running import Value, agent, configuration, front
from hardtack.lab import topology
from hardtack.lab.addresses import SECOND, SERVER
from hardtack.lab.attach import attach
from hardtack.lab.programs import PASS
from hardtack.lab.servers import talker
from hardtack.lab.topology import Topology

ADDRESSES = {"direct": SERVER, "mac": SECOND}


@contextmanager
def straight(folder: Path) -> Iterator[Topology]:
    """All of it at work."""
    with ExitStack() as parts:
        net = parts.enter_context(topology.routed())
        parts.enter_context(attach(net.near, PASS))
        parts.enter_context(talker(net.server, SERVER + SECOND, [TALK]))
        switch = {"mac": net.far.mac.hex(":"), "out": net.inside.name}
        hosts: list[dict[str, Value]] = [
            {"name": via, "addresses": addresses, "via": via, **(switch if via == "mac" else {})}
            for via, addresses in ADDRESSES.items()
        ]
        settings = configuration(folder, net.outside, hosts, inside=[net.inside.name])
        parts.enter_context(agent(net.far, folder))
        parts.enter_context(front(net.outside, settings))
        yield net
