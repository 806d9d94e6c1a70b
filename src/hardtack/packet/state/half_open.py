"""Connections whose SYN has gone on to their host: half open, until the client's ACK ends the handshake."""

from __future__ import annotations

from hardtack.compiler.language import i64, inlined
from hardtack.packet.cookie.time import stamp
from hardtack.packet.frame.wire import ACK, FIN, RST, SYN
from hardtack.packet.layout import AHEAD, AWAITED, BURST, CLIENT_FIN, HALF_OPEN, NUMBERED, START
from hardtack.packet.reasons import Reason
from hardtack.packet.state.connections import forget
from hardtack.packet.state.credit import afford, allowance, doubt
from hardtack.packet.state.follow import (
    LOW_32,
    OF_A_SYN,
    WINDOW,
    answers,
    behind_it,
    fits,
    sequence,
)

LONGEST = 3000  # ms that a handshake may take: as long as its source is not blamed for it

ESTABLISHED = int(Reason.established)
FRAME_LIMIT = int(Reason.frame_limit)
RESET = int(Reason.reset)
RESET_ASKED = int(Reason.reset_asked)
IMPLAUSIBLE_RST = int(Reason.implausible_rst)


@inlined
def begin_half_open(entry, flow, charged):
    """A SYN goes on to its host. `charged`: at the cost of its source's allowance."""
    entry.state, entry.left, entry.charged = HALF_OPEN, START, charged
    entry.next = (sequence(flow) + 1) & LOW_32


@inlined
def is_given_up(flow, entry, ms):
    """Whether a SYN comes for a handshake that should have ended long ago: it is judged as if it were the first.

    Else whoever has made many half open might go on with them when SYNs are not let through any more.
    """
    if not entry.state & HALF_OPEN or flow.flags & (SYN | ACK | RST) != SYN:
        return False
    age = (stamp(ms) - i64(entry.begun)) & LOW_32
    return LONGEST < age and age < LOW_32 - AHEAD  # another CPU may be a little ahead


@inlined
def follow_half_open(flow, entry, host, name, ms):
    """A segment from the client, without SYN."""
    state = i64(entry.state)
    ahead = (sequence(flow) - i64(entry.next)) & LOW_32
    if flow.flags & RST:
        if ahead == 0:
            forget(name)
            return RESET
        return RESET_ASKED if ahead < WINDOW and allowance(entry, name, ms) else IMPLAUSIBLE_RST
    if state & NUMBERED:
        ends = answers(flow, entry) and fits(flow, entry)
    else:
        ends = not host.heard and ahead < OF_A_SYN  # else the host has not answered yet
    if not ends:
        return doubt(entry, name, ms)
    if not afford(entry, host, ms):
        return FRAME_LIMIT
    if not state & NUMBERED:
        entry.next, entry.sent = behind_it(flow), flow.acknowledgment
    establish(entry)
    if flow.flags & FIN:
        entry.state |= CLIENT_FIN
    return ESTABLISHED


@inlined
def establish(entry):
    """The handshake has ended."""
    entry.state = i64(entry.state) & ~(HALF_OPEN | AWAITED)
    entry.left = BURST
