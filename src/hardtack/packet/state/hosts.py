"""Which protected address a frame is for. The control plane has arranged the index: see control/tables.py."""

from __future__ import annotations

from hardtack.compiler.language import address, at, entry_of, i64, inlined, u64, viewed
from hardtack.packet.layout import (
    HOSTS,
    INDEX,
    INDEX_BITS,
    MOST_HOST_ADDRESSES,
    NO_HOST,
    PROBES,
    SPREAD,
    Host,
    Hosts,
    Index,
    Slot,
)

SLOTS = Index["factor"].itemsize  # offset: they come right behind it
SLOT_SIZE, HOST_SIZE = Slot.itemsize, Host.itemsize

index = entry_of(INDEX, Index)
slot_at = viewed(Slot)
hosts = entry_of(HOSTS, Hosts)
record_at = viewed(Host)


@inlined
def find_host(high, low):
    """The place of an address's record (two words, as in Flow), or NO_HOST."""
    table = index()
    place = i64(((low ^ (high * u64(SPREAD))) * table.factor) >> u64(64 - INDEX_BITS))
    slots = at(address(table), SLOTS + place * SLOT_SIZE)
    number = NO_HOST  # what empty slots hold, too
    for probe in range(PROBES):
        slot = slot_at(at(slots, probe * SLOT_SIZE))
        if slot.low == low and slot.high == high:
            number = i64(slot.host)
            break
    return number


@inlined
def host_at(place):
    """The record at a place. The mask is for the verifier."""
    return record_at(at(address(hosts()), (place & (MOST_HOST_ADDRESSES - 1)) * HOST_SIZE))


@inlined
def number_of(flow):
    """Of the flow's host, for counting; 0 if it has none."""
    return 0 if flow.place == NO_HOST else i64(host_at(flow.place).number)


@inlined
def protects(host, port):
    """Whether the port is one of those protected."""
    return (host.ports[port >> 6] >> u64(port & 63)) & u64(1)
