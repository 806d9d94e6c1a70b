"""Links that a lab of veths has not: network cards, and VLAN devices, bonds, bridges and tunnels on top of another link.

A `Link` (topology.py) makes one and says what its two ends are. First is the client's side, or the front's towards the host.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from pyroute2 import IPRoute

from hardtack.lab.lab import Lab
from hardtack.lab.links import Interface
from hardtack.lab.machines.archive import run as here
from hardtack.lab.machines.cards import Card, ends
from hardtack.lab.namespaces import LabError, Namespace
from hardtack.lab.process import run
from hardtack.lab.topology import Link

VLAN = 7
BONDED = {"active-backup": ("mode", "active-backup", "miimon", "100"), "802.3ad": ("mode", "802.3ad", "miimon", "100")}
NEGOTIATED = 20.0  # s that LACP may take
RETURN = 120.0  # s that the kernel may take to clear a namespace away: connections that nobody has any more keep it
TUNNEL = ("203.0.113.1", "203.0.113.2")  # what GRE packets go between


def ip(place: Namespace, words: str) -> None:
    """`ip ...` in a namespace. LabError if it complains."""
    tool(place, f"ip {words}")


def tool(place: Namespace, words: str) -> None:
    """Any command there."""
    done = run(words.split(), place)
    if done.returncode:
        raise LabError(f"{words}: {done.stderr.decode(errors='replace').strip()}")


def found(place: Namespace, name: str) -> Interface:
    """An interface by its name, up."""
    ip(place, f"link set {name} up")

    def look() -> Interface:
        with IPRoute() as kernel:
            link: Any = kernel.link("get", index=kernel.link_lookup(ifname=name)[0])[0]
            mac = link.get("address") or ""
            return Interface(place, name, link["index"], bytes.fromhex(mac.replace(":", "")) if mac.count(":") == 5 else b"")

    return place.call(look)


def take(card: Card, place: Namespace, name: str) -> Interface:
    """Move a card that is where the guest started into a namespace, under a name of ours."""
    here(["ip", "link", "set", at_home(card), "netns", place.name, "name", name])
    return found(place, name)


def at_home(card: Card) -> str:
    """What a card is called where the guest started. Of a namespace that has just gone, it comes back by and by."""
    wanted, deadline = card.mac.hex(":"), time.monotonic() + RETURN
    while time.monotonic() < deadline:
        for path in Path("/sys/class/net").glob("*/address"):
            if path.read_text().strip() == wanted:
                return path.parent.name
        time.sleep(0.1)
    raise LabError(f"no card with the address {wanted}")


def cable(name: str) -> Link:
    """Two cards of the guest; their cable has this name."""

    def link(_: Lab, first: Namespace, second: Namespace) -> tuple[Interface, Interface]:
        near, far = ends(name)
        return take(near, first, f"{name}1"), take(far, second, f"{name}2")

    return link


def vlan(below: Link) -> Link:
    """A VLAN device at both ends; below it are `lower1` and `lower2`, as all that is stacked here calls them."""

    def link(lab: Lab, first: Namespace, second: Namespace) -> tuple[Interface, Interface]:
        made = []
        for end in renamed(below(lab, first, second)):
            ip(end.namespace, f"link add link {end.name} name tagged type vlan id {VLAN}")
            made.append(found(end.namespace, "tagged"))
        return made[0], made[1]

    return link


def bond(mode: str) -> Link:
    """Two pairs of cards, bonded at both ends: `lower1` and `lower3` at the first, `lower2` and `lower4` at the second."""

    def link(lab: Lab, first: Namespace, second: Namespace) -> tuple[Interface, Interface]:
        below = {1: cable("street"), 3: cable("yard")}
        pairs = [renamed(cards(lab, first, second), number) for number, cards in below.items()]
        made = []
        for side, place in enumerate((first, second)):
            ip(place, f"link add bond type bond {' '.join(BONDED[mode])}")
            for pair in pairs:
                tool(place, f"ethtool -s {pair[side].name} speed 1000 duplex full")  # LACP wants to know
                ip(place, f"link set {pair[side].name} down")
                ip(place, f"link set {pair[side].name} master bond")
            made.append(found(place, "bond"))
        for place in (first, second):
            carried(place, mode)
        return made[0], made[1]

    return link


def carried(place: Namespace, mode: str) -> None:
    """Wait until a bond has agreed with its peer, where the mode is one that agrees. LabError if it does not."""
    deadline = time.monotonic() + NEGOTIATED
    while time.monotonic() < deadline:
        text = place.call(Path("/proc/thread-self/net/bonding/bond").read_text)
        if "MII Status: up" in text and (mode != "802.3ad" or "Number of ports: 2" in text):
            return
        time.sleep(0.2)
    raise LabError(f"a bond ({mode}) does not come up")


def bridge(below: Link) -> Link:
    """The far end is a port (`lower2`) of a bridge, which has the addresses."""

    def link(lab: Lab, first: Namespace, second: Namespace) -> tuple[Interface, Interface]:
        near, port = renamed(below(lab, first, second))
        ip(second, f"link add bridge address {port.mac.hex(':')} type bridge mcast_snooping 0 forward_delay 0")
        ip(second, f"link set {port.name} master bridge")
        return near, found(second, "bridge")

    return link


def gre(below: Link) -> Link:
    """A GRE tunnel, IPv4 and IPv6 inside, without Ethernet."""

    def link(lab: Lab, first: Namespace, second: Namespace) -> tuple[Interface, Interface]:
        made = []
        for end, (local, remote) in zip(renamed(below(lab, first, second)), (TUNNEL, TUNNEL[::-1]), strict=True):
            end.add_addresses(f"{local}/24")
            ip(end.namespace, f"link add tunnel type gre local {local} remote {remote} ttl 64")
            made.append(found(end.namespace, "tunnel"))
        return made[0], made[1]

    return link


def veth(lab: Lab, first: Namespace, second: Namespace) -> tuple[Interface, Interface]:
    """The lab's own."""
    return lab.join(first, second)


def renamed(pair: tuple[Interface, Interface], number: int = 1) -> list[Interface]:
    """Under names that can be said: lower1, lower2."""
    made = []
    for end, name in zip(pair, (f"lower{number}", f"lower{number + 1}"), strict=True):
        ip(end.namespace, f"link set {end.name} down")
        ip(end.namespace, f"link set {end.name} name {name}")
        made.append(found(end.namespace, name))
    return made
