"""Who may send at all: a host's list, then the one for all hosts."""

from __future__ import annotations

from naive.icmp import HEADER, LINK_LOCAL, MESSAGES, NEIGHBOURS
from naive.networks import longest
from naive.parse import Packet
from naive.state import Host, State

ALLOW, DENY = 1, 2
EVERYBODY = 0


def is_denied(state: State, packet: Packet, host: Host) -> bool:
    """Whether a packet for a host is from a source that it, or the list for all, denies."""
    address = packet.version, int.from_bytes(packet.source, "big")
    found = longest(state.lists.get(host.number, {}), address) or longest(state.lists.get(EVERYBODY, {}), address)
    return found == DENY and not is_neighbour(packet)


def is_neighbour(packet: Packet) -> bool:
    """Neighbour discovery, from the same link (RFC 4861 7.1): denied, nobody would find the host."""
    if packet.version != 6 or packet.flaw is not None or packet.protocol != MESSAGES[6]:
        return False
    whole = len(packet.transport) >= HEADER
    return whole and packet.transport[0] in NEIGHBOURS and packet.header[7] == LINK_LOCAL
