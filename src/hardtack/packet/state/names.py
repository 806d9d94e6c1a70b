"""What a connection is called in the table: its client's addresses and ports first, whoever has sent the segment."""

from __future__ import annotations

from hardtack.compiler.language import inlined, u64
from hardtack.packet.frame.martians import is_mapped

LOW_32, LOW_16 = 0xFFFFFFFF, 0xFFFF
BYTES_3, BYTES_6 = 0xFFFFFF, 0xFFFFFFFFFFFF  # the first bytes of an address, as they lie in memory


@inlined
def name_from_client(flow, name):
    """Of a segment towards its host."""
    name.version = flow.version
    name.source_high, name.source_low = flow.source_high, flow.source_low
    name.destination_high, name.destination_low = flow.destination_high, flow.destination_low
    name.ports = flow.ports_isn & u64(LOW_32)


@inlined
def name_from_host(flow, name):
    """Of a segment that comes from its host."""
    name.version = flow.version
    name.source_high, name.source_low = flow.destination_high, flow.destination_low
    name.destination_high, name.destination_low = flow.source_high, flow.source_low
    name.ports = turned(flow.ports_isn & u64(LOW_32))


@inlined
def name_from_record(entry, name):
    """Of a record that names one: a Connection, a Seed. The host's address says which IP it is: see connections.hashed."""
    name.version = 4 if is_mapped(entry.destination_high, entry.destination_low) else 6
    name.source_high, name.source_low = entry.source_high, entry.source_low
    name.destination_high, name.destination_low = entry.destination_high, entry.destination_low
    name.ports = u64(entry.ports)


@inlined
def turned(ports):
    """The other port first."""
    return (ports >> u64(16)) | ((ports & u64(LOW_16)) << u64(16))


@inlined
def prefix_of(high, low, is_ipv4):
    """An address's /24, or /48: its first 3 bytes, or 6, as a number."""
    return (low >> u64(32)) & u64(BYTES_3) if is_ipv4 else high & u64(BYTES_6)
