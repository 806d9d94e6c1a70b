"""A segment without SYN that no known connection is behind: a cookie makes it one, a grace period may, else it is stray."""

from __future__ import annotations

from hardtack.compiler.language import absent, inlined
from hardtack.packet.budget import may_learn, policy
from hardtack.packet.connections import take_place
from hardtack.packet.follow import begin, behind_it
from hardtack.packet.layout import BY_COOKIE, BY_GRACE, CLIENT_FIN
from hardtack.packet.reasons import Reason
from hardtack.packet.time import stamp
from hardtack.packet.wire import FIN

REMEMBERED = int(Reason.remembered)
LEARNED = int(Reason.learned)
LEARN_LIMIT = int(Reason.learn_limit)
STRAY_FIN = int(Reason.stray_fin)
STRAY_DATA = int(Reason.stray_data)
STRAY_ACK = int(Reason.stray_ack)


@inlined
def judge_unknown(flow, host, moment, name, entry, good):
    """`good`: it has brought a good cookie. `entry`: the last connection of this name, or nothing."""
    if not good:
        if moment.now >= policy().grace_until:
            return stray(flow)
        if not may_learn(moment.now):
            return LEARN_LIMIT
    remember(flow, host, moment, name, entry, BY_COOKIE if good else BY_GRACE)
    return REMEMBERED if good else LEARNED


@inlined
def stray(flow):
    """Nobody's ACK, or worse."""
    if flow.flags & FIN:
        return STRAY_FIN
    return STRAY_DATA if flow.payload > 0 else STRAY_ACK


@inlined
def remember(flow, host, moment, name, entry, origin):
    """From now on the connection is known: in the place of the last one of this name, or in one of its own.

    A client may come back by the same port: RFC 1122 4.2.2.13. If other CPUs are in the way, its next segment is stray.
    """
    if absent(entry):
        entry = take_place(name, stamp(moment.now))
    if not absent(entry):
        begin(entry, name, host.number, origin, moment.now)
        entry.next = behind_it(flow)
        entry.state = CLIENT_FIN if flow.flags & FIN else 0
