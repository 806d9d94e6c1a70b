"""Whether this machine has a way to each host, and whether clients' frames can come in: what the kernel says now."""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterator
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network
from itertools import islice

from hardtack.control.configuration.schema import Config, Host
from hardtack.control.configuration.values import Address
from hardtack.diagnosis.finding import Finding
from hardtack.kernel import netlink, tcp
from hardtack.kernel.routes import LOCAL, UNICAST, Routing
from hardtack.printable import listed as listed

MOST_ASKED = 2_000  # addresses whose route is looked at
CARRIER = 33  # IFLA_CARRIER
FORWARDING = {4: "ipv4/ip_forward", 6: "ipv6/conf/all/forwarding"}  # IP version -> setting


def ways(config: Config) -> Iterator[Finding]:
    """All that is found of interfaces, forwarding and routes."""
    for name in dict.fromkeys((*config.front.uplinks, *config.front.inside)):
        yield from closed(name)
    yield from ways_to(config.hosts)


def ways_to(hosts: Collection[Host]) -> Iterator[Finding]:
    """What is found of forwarding and routes for these hosts alone."""
    yield from not_forwarding(hosts)
    with suppress(OSError), Routing() as kernel:
        yield from routes(hosts, kernel)


def closed(name: str) -> Iterator[Finding]:
    """Why no frames come in by an interface."""
    if name == "lo":
        yield Finding("loopback", "lo carries no traffic from other machines", "name the interface that faces the clients")
        return
    with suppress(OSError), Routing() as kernel:
        index = socket.if_nametoindex(name)
        link, facts = kernel.link(index), netlink.link(index)
        if link and not link.up:
            yield Finding("interface-down", f"{name} is down", f"ip link set {name} up")
        elif facts.get(CARRIER) == b"\0":
            yield Finding("no-carrier", f"{name} has no carrier", "check the cable, or the other end")


def not_forwarding(hosts: Collection[Host]) -> Iterator[Finding]:
    """Hosts that Linux is to send on to, which it is told not to."""
    for version, setting in FORWARDING.items():
        names = [host.name for host in hosts if host.via in ("kernel", "direct") and has(host, version)]
        if names and tcp.numbers(tcp.SETTINGS / setting) == [0]:
            key = f"net.{setting.replace('/', '.')}"
            what = f"{key} is 0, but Linux must forward to {listed(names)}"
            yield Finding("no-forwarding", what, f"sysctl -w {key}=1")


def has(host: Host, version: int) -> bool:
    """Whether it has an address of this IP version."""
    return any(address.version == version for address in host.addresses)


def routes(hosts: Collection[Host], kernel: Routing) -> Iterator[Finding]:
    """Hosts without a route, or with one that does not go with their `via`. OSError."""
    nowhere, own, elsewhere = [], [], []
    every = ((host, address) for host in hosts if host.via != "mac" for address in host.addresses)
    for host, address in islice(every, MOST_ASKED):
        route = kernel.route(first(address).packed)
        told = f"{address} ({host.name})"
        if host.via == "local":
            if not route or route.kind != LOCAL:
                elsewhere.append(told)
        elif not route or route.kind not in (UNICAST, LOCAL):
            nowhere.append(told)
        elif route.kind == LOCAL:
            own.append(told)
    if nowhere:
        yield Finding("no-route", f"no route to {listed(nowhere)}", "ip route add ADDRESS via GATEWAY")
    if own:
        remedy = 'write via = "local" if this machine is the host, else remove the address from it'
        yield Finding("own-address", f"this machine itself has {listed(own)}", remedy)
    if elsewhere:
        remedy = 'add the address, or write another via than "local"'
        yield Finding("not-here", f"this machine does not have {listed(elsewhere)}", remedy)


def first(address: Address | IPv4Network | IPv6Network) -> Address:
    """An address, or the first of a network that a host may have."""
    if isinstance(address, IPv4Network | IPv6Network):
        return address[1 if address.num_addresses > 2 else 0]
    return address
