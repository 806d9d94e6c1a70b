"""The front, but each run is for another frame: from the next source to the next destination of a list. For the bench.

Run again and again on one frame, a program has all that it looks at in the first cache; here it has to fetch it, as from a
line.
"""

from __future__ import annotations

from hardtack.compiler.language import (
    address,
    at,
    beyond,
    entry_of,
    i64,
    inlined,
    load16be,
    load64,
    new,
    store32,
    store64,
    u64,
)
from hardtack.lab.packets.found import DESTINATIONS, SOURCES, STOPS, TOUR, Tour
from hardtack.packet.frame.parse import NONE, parse
from hardtack.packet.frame.platform import head, tail
from hardtack.packet.frame.wire import ETHERNET, IPV6, TYPE_IPV4
from hardtack.packet.front import judged, verdict_of
from hardtack.packet.records import Flow
from hardtack.packet.state.hosts import find_host

DROP, PASS = 1, 2  # enum xdp_action
STOP_SIZE = 16

new_flow = new(Flow)
tour_entry = entry_of(TOUR, Tour)


def toured(frame):
    """struct xdp_md -> the front's verdict. The frame is untagged, and no checksum of it may matter."""
    return verdict_of(judged(frame, new_flow())) if goes_on_tour(frame) else PASS


def toured_host(frame):
    """The same until it is known whose the frame is: DROP if it is somebody's."""
    flow = new_flow()
    if not goes_on_tour(frame) or parse(frame, flow) != NONE:
        return PASS
    return DROP if find_host(flow, flow.destination_high, flow.destination_low) else PASS


@inlined
def goes_on_tour(frame):
    """Have it be from the next source to the next destination; False if it is too short for that."""
    tour, start = tour_entry(), head(frame)
    if beyond(start, ETHERNET + IPV6, tail(frame)):
        return False
    source, destination = i64(tour.source), i64(tour.destination)
    tour.source, tour.destination = after(source, i64(tour.sources)), after(destination, i64(tour.destinations))
    if load16be(start, 12) == TYPE_IPV4:
        store32(start, ETHERNET + 12, low_of(tour, SOURCES, source) >> 32)
        store32(start, ETHERNET + 16, low_of(tour, DESTINATIONS, destination) >> 32)
    else:
        store64(start, ETHERNET + 8, load64(stop(tour, SOURCES, source), 0))
        store64(start, ETHERNET + 16, load64(stop(tour, SOURCES, source), 8))
        store64(start, ETHERNET + 24, load64(stop(tour, DESTINATIONS, destination), 0))
        store64(start, ETHERNET + 32, load64(stop(tour, DESTINATIONS, destination), 8))
    return True


@inlined
def after(number, count):
    """The next of so many; behind the last comes the first."""
    return u64(number + 1 if number + 1 < count else 0)


@inlined
def stop(tour, first, number):
    """An address of a list: its two words, as a Flow has them."""
    return at(address(tour), first + (number & (STOPS - 1)) * STOP_SIZE)


@inlined
def low_of(tour, first, number):
    """Its second word: of IPv4, the upper half is the address."""
    return i64(load64(stop(tour, first, number), 8))
