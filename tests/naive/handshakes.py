"""Which handshake a host has, and which of its connections have another."""

from __future__ import annotations

from naive.cookie import epoch
from naive.moment import Moment
from naive.seats import hashed
from naive.state import Handshake, Host, Name, State

EACH = 128  # one connection in so many has the configured one, where that is tried


def handshake_of(state: State, host: Host, name: Name, moment: Moment) -> Handshake:
    """Of a SYN of this connection."""
    held = host.handshake
    if held.tried and (hashed(name, state.factors) >> 12 ^ epoch(moment.now_ms)) % EACH == 0:
        return held.configured
    return held.holds
