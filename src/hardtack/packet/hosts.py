"""Which protected address a frame is for. The control plane has arranged the index: see control/tables.py."""

from __future__ import annotations

from hardtack.compiler.language import address, at, entry_of, i64, inlined, look_up_at, nothing_of, u64, viewed
from hardtack.packet.layout import HOSTS, INDEX, INDEX_BITS, PROBES, SPREAD, Host, Index, Slot

SLOTS = Index.fields["slots"][1]  # offset
SLOT_SIZE = Slot.itemsize

index = entry_of(INDEX, Index)
slot_at = viewed(Slot)
host_number = look_up_at(HOSTS, Host)
no_host = nothing_of(Host)


@inlined
def find_host(flow):
    """The record of the destination address, or nothing."""
    table, high, low = index(), flow.destination_high, flow.destination_low
    place = i64(((low ^ (high * u64(SPREAD))) * table.factor) >> u64(64 - INDEX_BITS))
    slots = at(address(table), SLOTS + place * SLOT_SIZE)
    for probe in range(PROBES):
        slot = slot_at(at(slots, probe * SLOT_SIZE))
        if slot.low == low and slot.high == high:
            return host_number(slot.host)
    return no_host()


@inlined
def protects(host, port):
    """Whether the port is one of those protected."""
    return (host.ports[port >> 6] >> u64(port & 63)) & u64(1)
