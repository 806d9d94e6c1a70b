"""A hosting site: two fronts with one key, three hosts, and every way from the ones to the others.

        client  198.51.100.2
           | near
    =======+==================== street: 198.51.100.0/24, 2001:db8:1::/64 ========+=======
                 | .1                             | .3                            | arm
       +---------+--------+              +--------+-----------+           +-------+--------+
       |     outside      |              |      outside       |           |  beside        |
       |  one             |              |  two, a host, too: |           |    192.0.2.20  |
       |                  |              |    192.0.2.30      |           |  2001:db8::20  |
       |     inside       |              |    2001:db8::30    |           +----------------+
       +---------+--------+              |      inside        |
                 | .1                    +--------+-----------+
                 |                                | .2
    =============+======+========= yard: 192.0.2.0/24, 2001:db8::/64 =============
                        | far
              +---------+-----------------+
              |  behind  192.0.2.10 - .12 |
              |    2001:db8::10 - ::12    |
              +---------------------------+

Street and yard are bridges in namespaces of their own. The client sends everything to front `one`, but 192.0.2.30 to `two`;
`behind` and `beside` answer by `one`. To change that, give them other routes. `beside` is behind the very interface that
faces the internet: one-armed. Each address may be protected in another way, so that one front shows them all.

A bridge's port takes XDP_TX from its peer only if it has an XDP program: put PASS on `gates` before a front answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from hardtack.lab import addresses
from hardtack.lab.addresses import BESIDE, FRONT, FRONT_TWO, INSIDE, INSIDE_TWO, ON_TWO, with_length
from hardtack.lab.lab import Lab
from hardtack.lab.links import Interface, bridge
from hardtack.lab.namespaces import Namespace
from hardtack.lab.packets.recipe import FLOOD_4, FLOOD_6
from hardtack.lab.topology import Topology


@dataclass(frozen=True)
class Router:
    """A front: its namespace and its two interfaces."""

    namespace: Namespace
    outside: Interface
    inside: Interface


@dataclass(frozen=True)
class Site:
    """Where everything is. `gates`: the street's ports to client, fronts and `beside`."""

    lab: Lab
    client: Namespace
    near: Interface
    one: Router
    two: Router
    behind: Namespace
    far: Interface
    beside: Namespace
    arm: Interface
    gates: tuple[Interface, ...]

    def seen_by(self, front: Router) -> Topology:
        """Client, this front and `behind`, as if there were nothing else."""
        return Topology(
            self.lab, self.client, front.namespace, self.behind, self.near, front.outside, front.inside, self.far
        )


@contextmanager
def site() -> Iterator[Site]:
    """All of it, with routes everywhere, and nothing attached."""
    with Lab() as lab:
        client, street, yard, behind, beside = map(lab.namespace, ("client", "street", "yard", "behind", "beside"))
        fronts, gates, doors = [], [], []
        near, gate = lab.join(client, street)
        gates.append(gate)
        for role in ("one", "two"):
            front = lab.namespace(role)
            outside, gate = lab.join(front, street)
            inside, door = lab.join(front, yard)
            fronts.append(Router(front, outside, inside))
            gates.append(gate)
            doors.append(door)
        arm, gate = lab.join(beside, street)
        far, door = lab.join(behind, yard)
        gates.append(gate)
        doors.append(door)
        bridge("street", gates)
        bridge("yard", doors)
        made = Site(lab, client, near, fronts[0], fronts[1], behind, far, beside, arm, tuple(gates))
        _number(made)
        for end in (near, arm, far, *gates, *doors, *(end for one in fronts for end in (one.outside, one.inside))):
            end.features(gro=True)
        yield made


def _number(site: Site) -> None:
    """Addresses and routes. Nobody is to learn a shorter way to `beside` than by the front: no redirects."""
    site.near.add_addresses(*with_length(addresses.CLIENT, 24, 64))
    site.far.add_addresses(*with_length(addresses.SERVER + addresses.SECOND + addresses.THIRD, 24, 64))
    # Its own address and no network: it knows no neighbour but the front, which is what one-armed needs both ways
    site.arm.add_addresses(*with_length(BESIDE, 32, 128))
    site.two.outside.add_addresses(*with_length(ON_TWO, 32, 128))
    for front, outside, inside in ((site.one, FRONT, INSIDE), (site.two, FRONT_TWO, INSIDE_TWO)):
        front.outside.add_addresses(*with_length(outside, 24, 64))
        front.inside.add_addresses(*with_length(inside, 24, 64))
        front.outside.add_neighbours(*BESIDE)
        for client, flood in zip(addresses.CLIENT, (FLOOD_4, FLOOD_6), strict=True):
            front.outside.add_routes(str(flood), via=client)
        for key in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
            front.namespace.sysctl(key, 1)
        for where in ("all", front.outside.name):
            front.namespace.sysctl(f"net.ipv4.conf.{where}.send_redirects", 0)
    for end in (site.near, site.arm):
        end.namespace.sysctl(f"net.ipv6.conf.{end.name}.accept_redirects", 0)
    for place, gateways in ((site.near, FRONT), (site.far, INSIDE)):
        for gateway in gateways:
            place.add_routes("default", via=gateway)
    site.arm.add_neighbours(*FRONT)
    for gateway in FRONT:
        site.arm.add_routes("default", via=gateway)
    for address, gateway in zip(ON_TWO, FRONT_TWO, strict=True):
        site.near.add_routes(address, via=gateway)
