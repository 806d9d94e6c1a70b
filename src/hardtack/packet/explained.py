"""What the phases have found in a frame, left for whoever asks: `hardtack explain`. In native code alone."""

from __future__ import annotations

from hardtack.compiler.language import absent, inlined, own_entry
from hardtack.packet.layout import EXPLAINED, NO_HOST
from hardtack.packet.records import Flow

own_explained = own_entry(EXPLAINED, Flow)


@inlined
def clear(flow):
    """Nothing is found yet."""
    flow.host, flow.place, flow.ruling, flow.network, flow.transport, flow.size = NO_HOST, 0, 0, 0, 0, 0
    flow.version, flow.kind, flow.protocol, flow.acknowledgment, flow.sport, flow.dport = 0, 0, 0, 0, 0, 0
    flow.flags, flow.header, flow.payload, flow.mss, flow.scale, flow.sack = 0, 0, 0, 0, 0, 0
    flow.timestamps, flow.tsval, flow.tsecr = 0, 0, 0
    flow.source_high, flow.source_low, flow.destination_high, flow.destination_low, flow.ports_isn = 0, 0, 0, 0, 0


@inlined
def keep(flow):
    """What is worth telling: what no phase has come to is 0."""
    found = own_explained()
    if not absent(found):
        copy_all(found, flow)


@inlined
def copy_all(found, flow):
    """Field by field."""
    found.host, found.place, found.ruling, found.network = flow.host, flow.place, flow.ruling, flow.network
    found.transport, found.size, found.version, found.kind = flow.transport, flow.size, flow.version, flow.kind
    found.protocol, found.flags, found.header = flow.protocol, flow.flags, flow.header
    found.acknowledgment = flow.acknowledgment
    found.sport, found.dport, found.payload, found.uplink = flow.sport, flow.dport, flow.payload, flow.uplink
    found.source_high, found.source_low, found.ports_isn = flow.source_high, flow.source_low, flow.ports_isn
    found.destination_high, found.destination_low = flow.destination_high, flow.destination_low
    found.mss, found.scale, found.sack = flow.mss, flow.scale, flow.sack
    found.timestamps, found.tsval, found.tsecr = flow.timestamps, flow.tsval, flow.tsecr
