"""Interfaces whose driver has no XDP, in the place of the front's own: the kernel's generic hook runs its program there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from pyroute2 import IPRoute

from hardtack.lab.addresses import CLIENT, FRONT, SECOND, SERVER, with_length
from hardtack.lab.links import Interface
from hardtack.lab.packets.recipe import FLOOD_4, FLOOD_6
from hardtack.lab.topology import Topology

BRIDGE_MODE = 4  # MACVLAN_MODE_BRIDGE


@contextmanager
def upon(net: Topology, kind: str) -> Iterator[Topology]:
    """The same network, its outside interface now the lower one of a bridge or macvlan that has its addresses."""
    net.front.sysctl(f"net.ipv4.conf.{net.outside.name}.arp_ignore", 1)  # it no longer answers for addresses that it has not
    made = net.front.call(build, net.outside, kind)
    above = Interface(net.front, kind, *made)
    above.add_addresses(*with_length(FRONT, 24, 64))
    for client, flood in zip(CLIENT, (FLOOD_4, FLOOD_6), strict=True):
        above.add_routes(str(flood), via=client)
    if net.is_local:
        above.add_addresses(*with_length(SERVER + SECOND, 32, 128))
        yield replace(net, outside=above, inside=above, far=above)
    else:
        yield replace(net, outside=above)


def build(lower: Interface, kind: str) -> tuple[int, bytes]:
    """The device on `lower`, which loses its addresses to it: index and MAC address."""
    more = {"br_mcast_snooping": 0} if kind == "bridge" else {"link": lower.index, "macvlan_mode": BRIDGE_MODE}
    with IPRoute() as kernel:
        kernel.flush_addr(index=lower.index)
        kernel.link("add", ifname=kind, kind=kind, **more)
        index = kernel.link_lookup(ifname=kind)[0]
        if kind == "bridge":
            kernel.link("set", index=lower.index, master=index)
        kernel.link("set", index=index, state="up")
        return index, bytes.fromhex(kernel.link("get", index=index)[0].get("address").replace(":", ""))
