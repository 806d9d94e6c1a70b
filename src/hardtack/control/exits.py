"""The interfaces that frames may be sent out of straight from the driver. Which those are is settled when a front starts.

An interface that comes later, or changes its MTU, is left to the kernel until the front starts again.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from hardtack.control.configuration.schema import Config
from hardtack.kernel import interfaces, netlink
from hardtack.kernel.routes import Link, Routing
from hardtack.packet.layout import MOST_EXITS

# NETDEV_XDP_ACT_*, linux/netdev.h: what a driver must do to send frames on, and to take them
SENDS, TAKES, RUNS, SCATTERS = 2, 4, 1, 64


@dataclass(frozen=True)
class Exit:
    """An interface; frames that leave by it have `mac` as their source. `mtu`: the one of the start, in bytes.

    `scatters`: it takes frames of several buffers from another interface's driver.
    """

    name: str
    index: int
    mac: bytes
    mtu: int
    scatters: bool = False


@dataclass(frozen=True)
class Closed:
    """Why an exit cannot be used now; `lasting`: it will not change by itself."""

    why: str
    lasting: bool


def find_exits(config: Config) -> tuple[Exit, ...]:
    """The exits, by their place in `exits`: first the interface that faces the internet, then those that are named.

    Then those that the routes to hosts lead to now, with via = "direct", and all others, as far as there are places: a
    reload may bring hosts behind them. InterfaceError.
    """
    named = [config.front.interface, *(host.out for host in config.hosts if host.out), *config.front.inside]
    indices = dict.fromkeys(interfaces.find(name).index for name in dict.fromkeys(named))
    with Routing() as kernel:
        indices |= dict.fromkeys(unnamed(config, kernel))
        found = [link for index in indices if (link := kernel.link(index))]
    return tuple(Exit(link.name, link.index, link.mac, link.mtu, scatters(link.index)) for link in found[:MOST_EXITS])


def scatters(ifindex: int) -> bool:
    """Whether its driver says that it takes frames of several buffers; a kernel before 6.3 does not tell."""
    return bool((netlink.xdp_features(ifindex) or 0) & SCATTERS)


def unnamed(config: Config, kernel: Routing) -> Iterator[int]:
    """Where the routes to hosts lead now, then every Ethernet interface there is; of VLANs, what carries them."""
    direct = [address for host in config.hosts if host.via == "direct" for address in host.addresses]
    used = dict.fromkeys(route.interface for address in direct if (route := kernel.route(address.packed)))
    for index in (*used, *(index for index, _ in sorted(socket.if_nameindex()))):
        if (link := kernel.link(index)) and link.ethernet:
            yield link.lower or link.index


def as_now(exits: Sequence[Exit], kernel: Routing) -> tuple[Exit, ...]:
    """The same, with the MAC addresses that they have now. One that has gone is as it was."""
    return tuple(replace(one, mac=link.mac) if (link := kernel.link(one.index)) else one for one in exits)


def closed(exits: Sequence[Exit], kernel: Routing) -> dict[int, Closed]:
    """The exits that cannot be used now, by place."""
    outside = netlink.xdp_features(exits[0].index)
    sends = outside is None or not outside & RUNS or bool(outside & SENDS)  # without a driver's XDP the kernel sends
    found = {}
    for place, one in enumerate(exits):
        if place and not sends:
            found[place] = Closed(f"the driver of {exits[0].name} sends no frames to other interfaces", True)
        elif why := closed_by_itself(one, kernel.link(one.index), takes=place > 0):
            found[place] = why
    return found


def closed_by_itself(one: Exit, link: Link | None, takes: bool) -> Closed | None:
    """Why this interface, which is now as `link` says, cannot be used; `takes`: frames come from another one's driver."""
    if not link:
        return Closed(f"{one.name} has gone", False)
    if link.mtu != one.mtu:
        return Closed(f"{one.name} has another MTU than at the start: restart the front", True)
    if not link.ethernet:
        return Closed(f"{one.name} is no Ethernet interface", True)
    if not link.up:
        return Closed(f"{one.name} is down", False)
    features = netlink.xdp_features(one.index)
    if takes and features is not None and not features & TAKES:
        return Closed(f"the driver of {one.name} takes no frames from other interfaces", True)
    return None
