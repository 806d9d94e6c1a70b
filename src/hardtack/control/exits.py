"""The interfaces that frames may be sent out of straight from the driver. Which those are is settled when a front starts.

Place 0 is the uplink, which frames came in by. Several uplinks have the places from 1 on, and place 0 is none by itself:
whichever of them it was.

An interface that comes later, or changes its MTU, is left to the kernel until the front starts again.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_network

from hardtack.control.configuration.schema import Config
from hardtack.kernel import interfaces, netlink
from hardtack.kernel.routes import Link, Routing
from hardtack.packet.layout import MOST_EXITS

# NETDEV_XDP_ACT_*, linux/netdev.h: what a driver must do to send frames on, and to take them
SENDS, TAKES, RUNS, SCATTERS = 2, 4, 1, 64


@dataclass(frozen=True)
class Exit:
    """An interface; frames that leave by it have `mac` as their source. `mtu`: the one of the start, in bytes.

    `scatters`: it takes frames of several buffers from another interface's driver. `uplink`: frames come in by it.
    """

    name: str
    index: int
    mac: bytes
    mtu: int
    scatters: bool = False
    uplink: bool = False


WHICHEVER = Exit("", 0, b"", 0)


@dataclass(frozen=True)
class Closed:
    """Why an exit cannot be used now; `lasting`: it will not change by itself."""

    why: str
    lasting: bool


def find_exits(config: Config) -> tuple[Exit, ...]:
    """The exits, by their place in `exits`: first the uplinks, then those that are named.

    Then those that the routes to hosts lead to now, with via = "direct". The xdp engine has all others, too, as far as there
    are places: a reload may bring hosts behind them. The af_xdp engine opens no sockets in advance. InterfaceError.
    """
    uplinks = config.front.uplinks
    named = [*uplinks, *(host.out for host in config.hosts if host.out), *config.front.inside]
    indices = dict.fromkeys(interfaces.find(name).index for name in dict.fromkeys(named))
    with Routing() as kernel:
        indices |= dict.fromkeys(unnamed(config, kernel))
        found = [link for index in indices if (link := kernel.link(index))]
    exits = [Exit(one.name, one.index, one.mac, one.mtu, scatters(one.index), one.name in uplinks) for one in found]
    return tuple(([WHICHEVER] if len(uplinks) > 1 else []) + exits)[:MOST_EXITS]


def scatters(ifindex: int) -> bool:
    """Whether its driver says that it takes frames of several buffers; a kernel before 6.3 does not tell."""
    return bool((netlink.xdp_features(ifindex) or 0) & SCATTERS)


def unnamed(config: Config, kernel: Routing) -> Iterator[int]:
    """Where the routes to hosts lead now, then, for the xdp engine, all Ethernet interfaces; of VLANs, what carries them."""
    direct = [ip_network(one) for host in config.hosts if host.via == "direct" for one in host.addresses]
    some = (network[min(1, network.num_addresses - 1)].packed for network in direct)  # of each an address
    used = dict.fromkeys(route.interface for address in some if (route := kernel.route(address)))
    others = sorted(socket.if_nameindex()) if config.front.engine == "xdp" else ()
    for index in (*used, *(index for index, _ in others)):
        if (link := kernel.link(index)) and link.ethernet:
            yield link.lower or link.index


def as_now(exits: Sequence[Exit], kernel: Routing) -> tuple[Exit, ...]:
    """The same, with the MAC addresses that they have now. One that has gone is as it was."""
    return tuple(replace(one, mac=link.mac) if one.index and (link := kernel.link(one.index)) else one for one in exits)


def closed(exits: Sequence[Exit], kernel: Routing) -> dict[int, Closed]:
    """The exits that cannot be used now, by place. Whichever of several uplinks it is: as long as one of them can."""
    uplinks = [one for one in exits if one.uplink]
    found = {}
    for place, one in enumerate(exits):
        if one == WHICHEVER:
            closed_ones = [closed_by_itself(uplink, kernel.link(uplink.index), takes=False) for uplink in uplinks]
            why = closed_ones[0] if all(closed_ones) else None
        else:
            others = [uplink for uplink in uplinks if uplink != one]  # whose drivers send frames to it
            why = closed_by_sender(others) or closed_by_itself(one, kernel.link(one.index), takes=bool(others))
        if why:
            found[place] = why
    return found


def closed_by_sender(uplinks: Iterable[Exit]) -> Closed | None:
    """Why frames that come in by these cannot all be sent to another interface."""
    for one in uplinks:
        features = netlink.xdp_features(one.index)
        if features is not None and features & RUNS and not features & SENDS:  # without a driver's XDP the kernel sends
            return Closed(f"the driver of {one.name} does not support XDP redirect", True)
    return None


def usable(exits: Sequence[Exit], kernel: Routing) -> tuple[Exit, ...]:
    """The same; an uplink that cannot be used now takes no frame, of whatever size, so that the kernel gets them."""
    return tuple(
        replace(one, mtu=0) if one.uplink and closed_by_itself(one, kernel.link(one.index), takes=False) else one
        for one in exits
    )


def closed_by_itself(one: Exit, link: Link | None, takes: bool) -> Closed | None:
    """Why this interface, which is now as `link` says, cannot be used; `takes`: frames come from another one's driver."""
    if not link:
        return Closed(f"{one.name} is gone", False)
    if link.mtu != one.mtu:
        return Closed(f"the MTU of {one.name} has changed since the start: restart the front", True)
    if not link.ethernet:
        return Closed(f"{one.name} is not an Ethernet interface", True)
    if not link.up:
        return Closed(f"{one.name} is down", False)
    features = netlink.xdp_features(one.index)
    if takes and features is not None and not features & TAKES:
        return Closed(f"the driver of {one.name} does not accept redirected frames (ndo_xdp_xmit)", True)
    return None
