"""A segment without SYN that the cookie decides about: it makes a connection known, a grace period may, else it is stray."""

from __future__ import annotations

from hardtack.compiler.language import absent, i64, inlined, u64
from hardtack.packet.budget import may_learn, policy, share_at
from hardtack.packet.cap import part_of
from hardtack.packet.cookie import LOW_32, OPTION_BITS
from hardtack.packet.eviction import take_place
from hardtack.packet.follow import MOST_REACH, begin, behind_it
from hardtack.packet.layout import AWAITED, BURST, BY_COOKIE, BY_GRACE, CLIENT_FIN, NUMBERED, START
from hardtack.packet.options import NO_SCALE
from hardtack.packet.prefixes import count_newcomer, mixed_prefix
from hardtack.packet.reasons import Reason
from hardtack.packet.replies import EVERYBODY
from hardtack.packet.time import second_of
from hardtack.packet.wire import FIN

REMEMBERED = int(Reason.remembered)
LEARNED = int(Reason.learned)
LEARN_LIMIT = int(Reason.learn_limit)
GUESS_LIMIT = int(Reason.guess_limit)
NEWCOMER_LIMIT = int(Reason.newcomer_limit)
STRAY_FIN = int(Reason.stray_fin)
STRAY_DATA = int(Reason.stray_data)
STRAY_ACK = int(Reason.stray_ack)

DISPLACING_SHIFT = 4  # of the connections that a prefix may open, a 16th may displace others'
UNSCALED_REACH, SCALED_REACH = 17, 24  # twice 64 KB, and twice that with the scale that we give: RFC 7323 2.2


@inlined
def judge_unknown(flow, host, name, moment, tried):
    """No good cookie, of no known connection. `tried`: it was looked at."""
    if moment.ms < policy().grace_until:
        if not may_learn(moment.ms):
            return LEARN_LIMIT
        entry = take_place(name, moment.ms, True)
        if not absent(entry):  # else other CPUs are in the way: its next segment will teach
            begin(entry, name, host.number, BY_GRACE, moment.ms)
            follow_first(flow, entry, host)
            if host.heard:
                entry.state |= AWAITED
        return LEARNED
    return stray(flow) if tried else GUESS_LIMIT


@inlined
def stray(flow):
    """Nobody's ACK, or worse."""
    if flow.flags & FIN:
        return STRAY_FIN
    return STRAY_DATA if flow.payload > 0 else STRAY_ACK


@inlined
def remember(flow, host, name, moment, entry, cell):
    """A good cookie. From now on the connection is known: in the place of the last one of this name, or in one of its own.

    A client may come back by the same port: RFC 1122 4.2.2.13. If other CPUs are in the way, its next segment is stray.
    """
    share = share_at(EVERYBODY)
    cpus = u64(1) if absent(share) or not share.cpus else share.cpus
    most = part_of(policy().prefix_connections, cpus)
    if i64(cell.opened) >= most:
        return NEWCOMER_LIMIT
    count_newcomer(cell, mixed_prefix(flow), second_of(moment.ms))
    if absent(entry):
        gently = most >> DISPLACING_SHIFT if most >> DISPLACING_SHIFT else 1
        may_displace = i64(cell.opened) <= gently
        entry = take_place(name, moment.ms, may_displace)
        if absent(entry) and not may_displace:
            return NEWCOMER_LIMIT
    if not absent(entry):
        begin(entry, name, host.number, BY_COOKIE, moment.ms)
        follow_first(flow, entry, host)
        reach_as_offered(flow, entry)
        if host.heard:
            entry.state |= AWAITED | NUMBERED
    return REMEMBERED


@inlined
def follow_first(flow, entry, host):
    """What the first segment says of the connection. A host that is heard must confirm it before it may send much."""
    entry.next, entry.sent = behind_it(flow), flow.acknowledgment
    entry.state = CLIENT_FIN if flow.flags & FIN else 0
    entry.left = START if host.heard else BURST


@inlined
def reach_as_offered(flow, entry):
    """How large windows can be: the host's by the scale that we have given, the client's by the one it has offered."""
    scale = (flow.acknowledgment - 1) & LOW_32 & OPTION_BITS & 15
    entry.reach = entry.ack_reach = UNSCALED_REACH
    if scale != NO_SCALE:
        entry.reach = SCALED_REACH
        entry.ack_reach = UNSCALED_REACH + scale if UNSCALED_REACH + scale < MOST_REACH else MOST_REACH
