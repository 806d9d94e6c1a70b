"""The two networks that tests, demo and bench run on.

`routed()`: the front is a router of its own, the host stands behind it.

     client                          front                           server
    +----------------+         +------------------+         +-----------------+
    |  198.51.100.2  |         | .1            .1 |         |  192.0.2.10 .11 |
    |           near +---------+ outside   inside +---------+ far             |
    | 2001:db8:1::2  |         | ::1          ::1 |         | 2001:db8::10 :11|
    +----------------+         +------------------+         +-----------------+
      198.51.100.0/24, 2001:db8:1::/64    192.0.2.0/24, 2001:db8::/64

`local()`: front and host are one machine, which has the host's addresses itself. The same addresses, so the same tests.

     client                          front = server
    +----------------+         +-------------------------+
    |  198.51.100.2  |         | .1       192.0.2.10 .11 |
    |           near +---------+ outside = far           |
    | 2001:db8:1::2  |         | ::1    2001:db8::10 :11 |
    +----------------+         +-------------------------+

A flood claims to come from 198.18.0.0/15 or 2001:db8:f100::/40, which the front routes to the client: answers come back
to where the flood was made.

GRO is on everywhere, as on real cards: a veth takes frames redirected to it only if its peer has GRO or an XDP program.
For XDP_TX the peer needs a program, GRO is not enough: put PASS or the sink on `near` (attach.py) before a front answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from hardtack.lab.addresses import CLIENT, FRONT, INSIDE, SECOND, SERVER, with_length
from hardtack.lab.lab import Lab
from hardtack.lab.links import Interface
from hardtack.lab.namespaces import Namespace
from hardtack.lab.packets.recipe import FLOOD_4, FLOOD_6

Link = Callable[[Lab, Namespace, Namespace], tuple[Interface, Interface]]  # what joins two machines: an end in each


@dataclass(frozen=True)
class Topology:
    """Where everything is. In a local topology front and server are one namespace; outside, inside, far one link."""

    lab: Lab
    client: Namespace
    front: Namespace
    server: Namespace
    near: Interface
    outside: Interface
    inside: Interface
    far: Interface

    @property
    def is_local(self) -> bool:
        """Whether front and server are one machine."""
        return self.front == self.server

    def interfaces(self) -> tuple[Interface, ...]:
        """Every interface, once."""
        return tuple(dict.fromkeys((self.near, self.outside, self.inside, self.far)))


@contextmanager
def routed(queues: int = 1, street: Link | None = None, yard: Link | None = None) -> Iterator[Topology]:
    """client - front - server; each link with so many queues per direction, unless it is made by `street` or `yard`."""
    with Lab() as lab:
        client, front, server = lab.namespace("client"), lab.namespace("front"), lab.namespace("server")
        near, outside = street(lab, client, front) if street else lab.join(client, front, queues)
        inside, far = yard(lab, front, server) if yard else lab.join(front, server, queues)
        _connect_client(near, outside)
        inside.add_addresses(*with_length(INSIDE, 24, 64))
        far.add_addresses(*with_length(SERVER + SECOND, 24, 64))
        for gateway in INSIDE:
            far.add_routes("default", via=gateway)
        front.sysctl("net.ipv4.ip_forward", 1)
        front.sysctl("net.ipv6.conf.all.forwarding", 1)
        yield _finished(Topology(lab, client, front, server, near, outside, inside, far))


@contextmanager
def local(queues: int = 1, street: Link | None = None) -> Iterator[Topology]:
    """client - host: the front runs on the host itself."""
    with Lab() as lab:
        client, host = lab.namespace("client"), lab.namespace("host")
        near, outside = street(lab, client, host) if street else lab.join(client, host, queues)
        _connect_client(near, outside)
        outside.add_addresses(*with_length(SERVER + SECOND, 32, 128))
        yield _finished(Topology(lab, client, host, host, near, outside, outside, outside))


def _connect_client(near: Interface, outside: Interface) -> None:
    near.add_addresses(*with_length(CLIENT, 24, 64))
    outside.add_addresses(*with_length(FRONT, 24, 64))
    for gateway, client, flood in zip(FRONT, CLIENT, (FLOOD_4, FLOOD_6), strict=True):
        near.add_routes("default", via=gateway)
        outside.add_routes(str(flood), via=client)


def _finished(topology: Topology) -> Topology:
    for interface in topology.interfaces():
        interface.features(gro=True)
    return topology
