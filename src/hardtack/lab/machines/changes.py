"""What is done to a link while a front is at work on it; clients are served afterwards, or it is a row in the table."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from hardtack.lab.addresses import CLIENT, FRONT, with_length
from hardtack.lab.links import Interface
from hardtack.lab.machines.archive import run as here
from hardtack.lab.machines.cards import ends
from hardtack.lab.machines.ground import Ground
from hardtack.lab.machines.streets import ip, take, tool
from hardtack.lab.packets.recipe import FLOOD_4, FLOOD_6


@dataclass(frozen=True)
class Change:
    """Its name, what it does, and how many bytes a client then fetches."""

    name: str
    make: Callable[[Ground], None]
    size: int = 100_000


def netem(words: str) -> Callable[[Ground], None]:
    """On the client's way out: what comes back is not delayed, so that a delay is the whole round trip."""
    return lambda place: tool(place.net.client, f"tc qdisc replace dev {place.net.near.name} root netem limit 10000 {words}")


def calm(place: Ground) -> None:
    """No netem any more."""
    tool(place.net.client, f"tc qdisc del dev {place.net.near.name} root")


def mtu(size: int) -> Callable[[Ground], None]:
    """At both ends of the street."""

    def make(place: Ground) -> None:
        for end in (place.net.near, place.net.outside):
            end.set_mtu(size)

    return make


def down_and_up(place: Ground) -> None:
    """The front's interface; Linux forgets its IPv6 addresses and all routes there, and whoever does it puts them back."""
    end = place.net.outside
    ip(end.namespace, f"link set {end.name} down")
    time.sleep(0.5)
    ip(end.namespace, f"link set {end.name} up")
    number(end)
    settled(place)


def number(end: Interface) -> None:
    """The front's addresses and routes on its street, anew; but the link-local one: without, Linux asks for no neighbour."""
    ip(end.namespace, f"address flush dev {end.name} scope global")
    end.add_addresses(*with_length(FRONT, 24, 64))
    for client, flood in zip(CLIENT, (FLOOD_4, FLOOD_6), strict=True):
        end.add_routes(str(flood), via=client)


def ring(size: int) -> Callable[[Ground], None]:
    """Descriptors that the front's card has for frames to come."""
    return lambda place: tool(place.net.front, f"ethtool -G {place.net.outside.name} rx {size}")


def reload(driver: str, cable: str) -> Callable[[Ground], None]:
    """Unload the driver of the front's card and load it again; the card comes back under another number."""

    def make(place: Ground) -> None:
        name = place.net.outside.name
        here(["modprobe", "-r", driver])
        here(["modprobe", driver])
        card = take(ends(cable)[1], place.net.front, name)
        number(card)
        place.net = replace(place.net, outside=card)
        place.outside = card
        settled(place)

    return make


def settled(place: Ground) -> None:
    """A moment for carriers to come back."""
    time.sleep(1.0)


ROUND_TRIPS = (
    Change("5 % loss", netem("loss 5%"), 20_000),
    Change("reordering", netem("delay 20ms reorder 25% 50%"), 20_000),
    Change("round trip 300 ms", netem("delay 300ms"), 20_000),
    Change("round trip 3 s", netem("delay 3s"), 5_000),
    Change("calm again", calm),
)
LINK = (
    Change("MTU 9000", mtu(9000), 500_000),
    Change("MTU 1400", mtu(1400)),
    Change("MTU 1500", mtu(1500)),
    Change("down and up", down_and_up),
    Change("ring of 512", ring(512)),
)
