"""What is not TCP: errors about known connections, neighbour discovery, everything else."""

from __future__ import annotations

import struct

from hardtack.packet.reasons import Reason
from naive import budget, prefixes
from naive.known import has_allowance
from naive.moment import Moment
from naive.parse import TCP, Packet
from naive.rules import Ruling
from naive.state import Host, Name, State, mapped

MESSAGES = {4: 1, 6: 58}  # the protocols ICMP and ICMPv6
HEADER = 8  # bytes of a message before what it quotes
# RFC 792: destination unreachable, source quench, time exceeded, parameter problem. RFC 4443: unreachable, too big, ...
ERRORS = {4: (3, 4, 11, 12), 6: (1, 2, 3, 4)}
NEIGHBOURS = range(133, 138)  # RFC 4861
LINK_LOCAL = 255  # hops: no router has passed it on, RFC 4861 3.1


def judge(state: State, packet: Packet, host: Host, ruling: Ruling, moment: Moment) -> Reason:
    """A packet for a host that carries no TCP, or is a fragment of something else."""
    if packet.flaw is None and packet.protocol == MESSAGES[packet.version] and len(packet.transport) >= HEADER:
        kind = packet.transport[0]
        if kind in ERRORS[packet.version] and (reason := judge_error(state, packet, host, ruling, moment)):
            return reason
        if packet.version == 6 and kind in NEIGHBOURS and packet.header[7] == LINK_LOCAL:
            return Reason.neighbour
    if ruling.within:
        return Reason.rule_within
    return Reason.default_drop if host.drops else Reason.default_pass


def judge_error(state: State, packet: Packet, host: Host, ruling: Ruling, moment: Moment) -> Reason | None:
    """An error about a segment that the host has sent, or may have, if it is not one too many; else None."""
    name = quoted(packet.version, packet.transport[HEADER:])
    if name is None or name.host != mapped(packet.destination):
        return None
    if name in state.connections:
        return Reason.icmp_error if has_allowance(state, name, moment) else None
    if not host.drops or ruling.within or not (ruling.every_port or host.protects(name.host_port)):
        return None
    if not prefixes.may_doubt(state, prefixes.network(packet.source), moment):
        return None
    return Reason.icmp_quote if budget.may_quote(state, host.number, moment) else None


def quoted(version: int, data: bytes) -> Name | None:
    """The connection of the host's segment whose beginning an error quotes: up to its ports, at least."""
    if version == 4:
        if len(data) < 20 or data[0] >> 4 != 4 or data[0] & 15 < 5:
            return None
        at, protocol, ends = (data[0] & 15) * 4, data[9], (data[12:16], data[16:20])
    else:
        if len(data) < 40 or data[0] >> 4 != 6:
            return None
        at, protocol, ends = 40, data[6], (data[8:24], data[24:40])
    if protocol != TCP or len(data) < at + 4:
        return None
    source_port, destination_port = struct.unpack("!HH", data[at : at + 4])
    return Name(mapped(ends[1]), mapped(ends[0]), destination_port, source_port)
