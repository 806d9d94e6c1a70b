"""Connections become known: what they are called, how they begin, by a good cookie or in the grace period."""

from __future__ import annotations

from naive import cookie, eviction
from naive.known import FIN, after
from naive.moment import SHORT, Moment
from naive.parse import Segment
from naive.state import START, Connection, Host, Name, Origin, State, mapped

UNSCALED, FARTHEST = 17, 26  # reaches: twice 64 KB; 64 MB


def name_of(segment: Segment) -> Name:
    """The connection of a client's segment."""
    packet = segment.packet
    return Name(mapped(packet.source), mapped(packet.destination), segment.source_port, segment.destination_port)


def name_from_host(segment: Segment) -> Name:
    """The connection of a host's segment."""
    packet = segment.packet
    return Name(mapped(packet.destination), mapped(packet.source), segment.destination_port, segment.source_port)


def fresh(host: Host, origin: Origin, moment: Moment) -> Connection:
    """One of which nothing is known yet."""
    return Connection(moment.stamp, moment.stamp, host.number, origin, (moment.doubts - 1) % SHORT)


def begin(state: State, name: Name, host: Host, origin: Origin, moment: Moment, displaces: bool = True) -> Connection | None:
    """In the place of the last connection of this name, or in one of its own; None if there is none to be had."""
    if name not in state.connections and not eviction.make_room(state, name, host.number, moment, displaces):
        return None
    state.connections[name] = known = fresh(host, origin, moment)
    return known


def brought(known: Connection, segment: Segment, host: Host, admitted: cookie.Admitted) -> None:
    """What a segment with a good cookie says of its connection."""
    note(known, segment, host)
    known.numbered = host.heard
    scale = admitted.scale
    known.reach = UNSCALED if scale is None else min(UNSCALED + host.scale, FARTHEST)
    known.ack_reach = UNSCALED if scale is None else min(UNSCALED + scale, FARTHEST)


def note(known: Connection, segment: Segment, host: Host) -> None:
    """What the first segment that is seen of a client says of its connection."""
    known.next, known.sent, known.client_fin = after(segment), segment.ack, segment.flags & FIN != 0
    if host.heard:
        known.awaited, known.left = True, START
