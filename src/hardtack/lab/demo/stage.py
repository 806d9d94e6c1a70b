"""The demo's stage: the routed network with nginx on the server, and which CPU does what.

    attacker's CPU    the flood, and dropping what comes back for it
    front's CPU       receiving on `outside`, forwarding, the server's TCP, nginx, the honest clients
    any but that      what hardly runs: the demo itself, the processes of hardtack's front and agent

What the stage adds to topology.py's network:

     homes                          client: the internet                front
    +--------------------+         +---------------------------+       +---
    |  203.0.113.2   door +--------+ street .1            near +-------+ outside
    |  2001:db8:2::2     |         |   the flood starts here   |       |
    +--------------------+         +---------------------------+       +---

- The honest clients are at home, one hop away from where the flood joins in. A veth tells its sender at once that the queue
  is full, and TCP hurries then; on the internet nobody knows what a queue far away has lost.
- Neighbours are fixed entries: no phase hangs on whether an ARP request survives the flood. On the internet, a client's
  next hop is some router that is not under attack.
- `near`, where clients and flood leave, has the sink as its XDP program from beginning to end. It drops the answers to the
  flood, as the internet would; and a veth takes XDP_TX from its peer only if it has a program.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pyroute2 import IPRoute

from hardtack.lab import programs
from hardtack.lab.addresses import CLIENT, FRONT, INSIDE, SERVER, with_length
from hardtack.lab.attach import attach
from hardtack.lab.cpu import kept_awake, thread_receivers
from hardtack.lab.links import Interface
from hardtack.lab.namespaces import LabError, Namespace
from hardtack.lab.packets.recipe import Target
from hardtack.lab.servers import nginx
from hardtack.lab.topology import Topology, routed

PORT = 80
PLACES = [(address, PORT) for address in SERVER]  # what the honest fetch from, in turn: IPv4, IPv6
HOMES = ("203.0.113.0/24", "2001:db8:2::/64")  # RFC 5737, RFC 3849
HOME, STREET = ("203.0.113.2", "2001:db8:2::2"), ("203.0.113.1", "2001:db8:2::1")
DEFAULTS = ("net.ipv4.tcp_syncookies", "net.ipv4.tcp_max_syn_backlog", "net.core.somaxconn")  # what meets a flood in Linux
NUD_PERMANENT = 0x80  # linux/neighbour.h


@dataclass(frozen=True)
class Stage:
    """What a phase plays on: the network, where the clients live, two CPUs."""

    net: Topology
    homes: Namespace
    attacker: int
    front: int

    @property
    def target(self) -> Target:
        """Where the flood goes: to the web server, by way of the front."""
        return Target(SERVER[0], PORT, self.net.near.mac, self.net.outside.mac)

    def defaults(self) -> dict[str, int]:
        """What the server's kernel has to meet a flood with."""
        return {key: int(self.net.server.read_sysctl(key)) for key in DEFAULTS}

    def receivers(self, *, swamped: bool) -> list[int]:
        """Pids of the threads that take frames from the internet; what `swamped` means for them is told in __init__.py.

        To be asked for again once a program was attached: the kernel may have made new threads.
        """
        thread_receivers(self.net.near, self.attacker, realtime=True)
        pids = thread_receivers(self.net.outside, self.front, realtime=not swamped)
        if swamped:
            for pid in pids:
                os.setpriority(os.PRIO_PROCESS, pid, own_nice())
        return pids


@contextmanager
def stage() -> Iterator[Stage]:
    """Everything set up and nginx serving; all of it gone afterwards. LabError with fewer than two CPUs."""
    with two_cpus() as (attacker, front), kept_awake(front), routed() as net, attach(net.near, programs.SINK):
        introduce(net)
        net.server.sysctl("net.ipv4.tcp_syncookies", 1)  # the default; said so that it is certain
        homes = build_homes(net)
        with nginx(net.server, SERVER, (PORT,), cpu=front):
            yield Stage(net, homes, attacker, front)


@contextmanager
def two_cpus() -> Iterator[tuple[int, int]]:
    """The attacker's CPU and the front's. This process keeps off the front's, and so does what it starts, if not told to."""
    allowed = os.sched_getaffinity(0)
    if len(allowed) < 2:
        raise LabError("the demo needs two CPUs, one for the attacker and one for the front; this process may use one")
    attacker, front = sorted(allowed)[:2]
    os.sched_setaffinity(0, allowed - {front})
    try:
        yield attacker, front
    finally:
        os.sched_setaffinity(0, allowed)


def build_homes(net: Topology) -> Namespace:
    """Where the clients live, and the way there and back."""
    homes = net.lab.namespace("homes")
    door, street = net.lab.join(homes, net.client)
    door.add_addresses(*with_length(HOME, 24, 64))
    street.add_addresses(*with_length(STREET, 24, 64))
    for gateway, client, network in zip(STREET, CLIENT, HOMES, strict=True):
        door.add_routes("default", via=gateway)
        net.outside.add_routes(network, via=client)
    net.client.sysctl("net.ipv4.ip_forward", 1)
    net.client.sysctl("net.ipv6.conf.all.forwarding", 1)
    return homes


def own_nice() -> int:
    """The nice value of this process, and so of nginx and the clients."""
    return os.getpriority(os.PRIO_PROCESS, 0)


def introduce(net: Topology) -> None:
    """Fixed neighbour entries on both links, both ways."""
    for here, addresses, there in (
        (net.near, FRONT, net.outside),
        (net.outside, CLIENT, net.near),
        (net.inside, SERVER, net.far),
        (net.far, INSIDE, net.inside),
    ):
        here.namespace.call(know, here, addresses, there.mac)


def know(interface: Interface, addresses: tuple[str, ...], mac: bytes) -> None:
    """Enter neighbours of an interface; to be called inside its namespace."""
    with IPRoute() as kernel:
        for address in addresses:
            kernel.neigh("replace", dst=address, lladdr=mac.hex(":"), ifindex=interface.index, state=NUD_PERMANENT)
