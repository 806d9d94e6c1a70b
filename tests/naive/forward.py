"""Frames on their way to a host: what the kernel is to route, and what is rewritten and sent by the program itself."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import Enum

from naive import checksum, offload
from naive.parse import Packet
from naive.state import Host, State, Via, mapped

VLAN = 0x8100
PRIORITY = 0xF000  # bits of a tag: priority, and drop eligible
HOP_BY_HOP = 0
INCOMING = 0  # the exit that is the way in, whichever it is


class Action(Enum):
    """Where a frame goes."""

    kernel = "on to the network stack"
    drop = "nowhere"
    back = "out of the interface that it came in by"
    exit = "out of another interface"


@dataclass(frozen=True)
class Sent:
    """A frame as it leaves, and whereto."""

    action: Action
    frame: bytes


def forward(state: State, frame: bytes, packet: Packet, host: Host, room: int) -> Sent:
    """A frame for a host's address. Whatever needs an ICMP error, or a next hop to be found, is the kernel's.

    So is what was sent to another MAC address than ours: it was but shown to us.

    `room`: by how many bytes the engine can let a frame grow.
    """
    hop = state.hop_to(mapped(packet.destination))
    if host.via != Via.kernel and state.net_of(mapped(packet.destination)) in state.to_learn:
        state.noted.add(mapped(packet.destination))
    if host.via == Via.kernel or hop is None or packet.link[:6] not in state.macs:
        return Sent(Action.kernel, frame)
    number = state.uplink if hop.exit == INCOMING else hop.exit
    leaving = state.exits[number]
    header = packet.header
    if size(header) > leaving.mtu:
        return Sent(Action.kernel, frame)
    if host.via == Via.routed:
        if time_to_live(header) <= 1 or speaks_to_routers(header):
            return Sent(Action.kernel, frame)
        header = one_hop_less(header)
    segment = offload.finish(packet) if state.unfinished else packet.transport
    rest = frame[len(packet.link) + len(packet.header) : len(frame) - len(packet.transport)] + segment
    link = hop.mac + leaving.mac + tagged(packet.link[12:], host)
    if len(link) > len(packet.link) + room:
        return Sent(Action.kernel, frame)
    return Sent(Action.back if number == state.uplink else Action.exit, link + header + rest)


def speaks_to_routers(header: bytes) -> bool:
    """IPv4 options, or hop-by-hop options: each router on the way is to look at them (RFC 1812 5.2.4, RFC 8200 4.3)."""
    return len(header) > 20 if header[0] >> 4 == 4 else header[6] == HOP_BY_HOP


def tagged(types: bytes, host: Host) -> bytes:
    """The tags and the Ethernet type, with the tags that the host's frames are to have."""
    if host.tag is None:
        return types
    if host.tag == "none":
        return types[-2:]
    old = int.from_bytes(types[2:4], "big") if len(types) > 2 else 0
    return struct.pack("!HH", VLAN, old & PRIORITY | host.tag) + types[-2:]


def size(header: bytes) -> int:
    """Bytes of an IP packet, as its header says."""
    return int.from_bytes(header[2:4], "big") if header[0] >> 4 == 4 else 40 + int.from_bytes(header[4:6], "big")


def time_to_live(header: bytes) -> int:
    """TTL, or hop limit."""
    return header[8] if header[0] >> 4 == 4 else header[7]


def one_hop_less(header: bytes) -> bytes:
    """The header after a router; a checksum that was wrong stays wrong (RFC 1812 5.2.2, RFC 1141)."""
    if header[0] >> 4 == 6:
        return header[:7] + bytes([header[7] - 1]) + header[8:]
    before, after = header[8:10], bytes([header[8] - 1, header[9]])
    total = checksum.update(int.from_bytes(header[10:12], "big"), before, after)
    return header[:8] + after + struct.pack("!H", total) + header[12:]
