"""An entry to the connection table alone: look a connection up, and remember it if it is not there."""

from __future__ import annotations

from typing import Any

from hardtack.compiler.language import absent, beyond, i64, load64, new, store64, u64
from hardtack.packet.frame.platform import head, tail
from hardtack.packet.records import Name
from hardtack.packet.state.connections import find, mark, seat
from hardtack.packet.state.eviction import take_place

DONE, REFUSED = 2, 1
SIZE = 80  # bytes of a frame: what goes in, then what comes out

new_name = new(Name)


def seats(frame: Any) -> int:
    """Words in: IP version, four of addresses, ports, a moment in ms.

    Words out, over the first: the two buckets, the tag, and the place where it was found, or -1: then it is there now.
    """
    start = head(frame)
    if beyond(start, SIZE, tail(frame)):
        return REFUSED
    name = new_name()
    name.version = i64(load64(start, 0))
    name.source_high, name.source_low = load64(start, 8), load64(start, 16)
    name.destination_high, name.destination_low = load64(start, 24), load64(start, 32)
    name.ports = load64(start, 40)
    now = load64(start, 48)
    name.place = -1
    entry = find(name)
    seat(name)  # which a stranger's look-up leaves out
    store64(start, 0, u64(name.first))
    store64(start, 8, u64(name.second))
    store64(start, 16, name.tag)
    store64(start, 24, u64(name.place))
    if not absent(entry):
        return DONE
    entry = take_place(name, now, True)
    if absent(entry):
        return REFUSED
    entry.source_high, entry.source_low = name.source_high, name.source_low
    entry.destination_high, entry.destination_low = name.destination_high, name.destination_low
    entry.ports = i64(name.ports)
    entry.state = 0
    mark(name)
    return DONE
