"""Connections that somebody other than the network says are there."""

from __future__ import annotations

from typing import Literal

from naive.connections import begin
from naive.martians import MAPPED, is_martian
from naive.moment import Moment
from naive.state import START, Name, Origin, State

Fate = Literal["seeded", "known", "no_room", "not_protected"]


def plant(state: State, name: Name, moment: Moment, has_room: bool = True) -> Fate:
    """What becomes of one. It displaces nobody."""
    client, host = bare(name.client), bare(name.host)
    owner = state.host_of(name.host)
    if owner is None or len(client) != len(host) or is_martian(client, host):
        return "not_protected"
    if not (owner.protects(name.host_port) or owner.ruling.every_port):
        return "not_protected"
    if name in state.connections:
        return "known"
    if not has_room or (state.slots is not None and None not in state.slots):
        return "no_room"
    known = begin(state, name, owner, Origin.seed, moment)
    assert known is not None
    if owner.heard:
        known.awaited, known.left = True, START
    return "seeded"


def bare(address: bytes) -> bytes:
    """An address as it is on the wire."""
    return address[12:] if address.startswith(MAPPED) else address
