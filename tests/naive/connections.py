"""What segments do to connections: those of clients, and those of hosts."""

from __future__ import annotations

from hardtack.packet.reasons import Reason
from naive.parse import Segment
from naive.state import Connection, Host, Name, Origin, State, mapped

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10
WORD = 1 << 32
AHEAD = 1 << 23  # bytes: about as much as a receive window may hold


def name_of(segment: Segment) -> Name:
    """The connection of a client's segment."""
    packet = segment.packet
    return Name(mapped(packet.source), mapped(packet.destination), segment.source_port, segment.destination_port)


def name_from_host(segment: Segment) -> Name:
    """The connection of a host's segment."""
    packet = segment.packet
    return Name(mapped(packet.destination), mapped(packet.source), segment.destination_port, segment.source_port)


def after(segment: Segment) -> int:
    """The sequence number behind all that a segment brings."""
    return (segment.seq + segment.payload + (segment.flags & FIN)) % WORD


def remember(state: State, segment: Segment, host: Host, origin: Origin, now_ms: int) -> None:
    """A connection that the client's segment has made known, or that begins anew."""
    state.connections[name_of(segment)] = Connection(
        after(segment), now_ms, now_ms, host.number, origin, client_fin=segment.flags & FIN != 0
    )


def synchronize(known: Connection, segment: Segment, now_ms: int) -> None:
    """A SYN-ACK: the other side of a connection that the host has opened. Of others, nobody has asked."""
    if known.origin is Origin.host and not known.host_seen:
        known.next = (after(segment) + 1) % WORD
    known.seen = now_ms


def follow(known: Connection, segment: Segment, now_ms: int) -> None:
    """A client's segment of a known connection. The host's own numbers, once there are any, say better what it expects."""
    ahead = (after(segment) - known.next) % WORD
    if not known.host_seen and 0 < ahead < AHEAD:
        known.next = after(segment)
    if segment.flags & FIN:
        known.client_fin = True
    known.seen = now_ms


def judge_reset(state: State, segment: Segment) -> Reason:
    """A client's RST of a known connection: RFC 5961 3.2."""
    name = name_of(segment)
    known = state.connections[name]
    distance = (segment.seq - known.next) % WORD
    if distance == 0 and known.host_seen:
        del state.connections[name]
        return Reason.reset
    return Reason.reset_asked if distance < AHEAD else Reason.implausible_rst


def learn(state: State, segment: Segment, host: Host, now_ms: int) -> Reason:
    """A host's segment, and what it teaches."""
    name, flags = name_from_host(segment), segment.flags & (SYN | RST | ACK)
    known = state.connections.get(name)
    if known is None:
        if flags not in (SYN, ACK):
            return Reason.outbound_other
        state.connections[name] = known = Connection(0, now_ms, now_ms, host.number, Origin.host)
        if flags == ACK:
            acknowledge(known, segment, now_ms)
        return Reason.taught
    if flags & RST:
        del state.connections[name]
        return Reason.outbound_end
    if flags == SYN:  # the host uses the port again, towards the same server
        state.connections[name] = known = Connection(0, now_ms, now_ms, host.number, Origin.host)
    if flags == SYN | ACK:  # the host has answered a SYN of a connection that it no longer had
        known.client_fin = known.host_fin = known.host_seen = False
        known.begun = now_ms
    acknowledge(known, segment, now_ms)
    return Reason.outbound


def acknowledge(known: Connection, segment: Segment, now_ms: int) -> None:
    """What a host's segment says of what it expects."""
    if segment.flags & ACK:
        known.next, known.host_seen = segment.ack, True
    if segment.flags & FIN:
        known.host_fin = True
    known.seen = now_ms
