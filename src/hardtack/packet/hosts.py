"""Which protected address a frame is for. The control plane has arranged the index: see control/tables.py."""

from __future__ import annotations

from hardtack.compiler.language import address, at, entry_of, i64, inlined, nothing_of, u64, viewed
from hardtack.packet.layout import HOSTS, INDEX, INDEX_BITS, MOST_HOST_ADDRESSES, PROBES, SPREAD, Host, Hosts, Index, Slot

SLOTS = Index["factor"].itemsize  # offset: they come right behind it
SLOT_SIZE, HOST_SIZE = Slot.itemsize, Host.itemsize

index = entry_of(INDEX, Index)
slot_at = viewed(Slot)
hosts = entry_of(HOSTS, Hosts)
host_at = viewed(Host)
no_host = nothing_of(Host)


@inlined
def find_host(high, low):
    """The record of an address (two words, as in Flow), or nothing."""
    table = index()
    place = i64(((low ^ (high * u64(SPREAD))) * table.factor) >> u64(64 - INDEX_BITS))
    slots = at(address(table), SLOTS + place * SLOT_SIZE)
    number = u64(MOST_HOST_ADDRESSES)  # what empty slots hold, too
    for probe in range(PROBES):
        slot = slot_at(at(slots, probe * SLOT_SIZE))
        if slot.low == low and slot.high == high:
            number = slot.host
            break
    if number >= u64(MOST_HOST_ADDRESSES):
        return no_host()
    return host_at(at(address(hosts()), i64(number) * HOST_SIZE))


@inlined
def protects(host, port):
    """Whether the port is one of those protected."""
    return (host.ports[port >> 6] >> u64(port & 63)) & u64(1)


@inlined
def belongs(flow, host):
    """From here on the flow knows its host: what counting and forwarding need."""
    flow.number, flow.place, flow.via, flow.tag = i64(host.number), i64(host.place), i64(host.via), i64(host.tag)
