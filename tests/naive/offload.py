"""What a sender's kernel has left to the network card: the checksum of a segment, of which there is only the beginning."""

from __future__ import annotations

import struct

from naive import checksum
from naive.parse import EXTENSIONS, TCP, Packet

UDP = 17
PLACES = {TCP: 16, UDP: 6}  # of the checksum: RFC 9293 3.1, RFC 768
LARGEST = 9216  # bytes that are summed on the packet path


def finish(packet: Packet) -> bytes:
    """The packet from its transport header on, its checksum done if it was not; not so behind IPv6 extension headers."""
    data, place = packet.transport, PLACES.get(packet.protocol)
    chained = packet.version == 6 and packet.header[6] in EXTENSIONS
    if chained or packet.flaw or place is None or packet.room < place + 2 or len(data) < place + 2:
        return data
    begun = checksum.ones_sum(packet.source + packet.destination + struct.pack("!HH", packet.room & 0xFFFF, packet.protocol))
    if int.from_bytes(data[place : place + 2], "big") != begun:
        return data
    if packet.room > min(len(data), LARGEST):
        return data
    total = checksum.checksum(data[: packet.room])
    return data[:place] + struct.pack("!H", total or (0xFFFF if packet.protocol == UDP else 0)) + data[place + 2 :]
