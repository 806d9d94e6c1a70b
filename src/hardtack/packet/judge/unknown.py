"""A segment of no known connection: a cookie, a grace period, or a SYN that goes on makes one known; else it is stray."""

from __future__ import annotations

from hardtack.compiler.language import absent, i64, inlined
from hardtack.packet.cookie.cookie import LOW_32, OPTION_BITS
from hardtack.packet.cookie.time import second_of
from hardtack.packet.frame.opaque import blurred
from hardtack.packet.frame.options import NO_SCALE
from hardtack.packet.frame.parse import MOST_NETWORK
from hardtack.packet.frame.wire import FIN
from hardtack.packet.judge.outcome import ADMIT, LEARN, OPEN, OPEN_CHARGED
from hardtack.packet.layout import AWAITED, BY_COOKIE, BY_GRACE, BY_SYN, CLIENT_FIN, NUMBERED, START
from hardtack.packet.reasons import Reason
from hardtack.packet.state.budget import may_learn
from hardtack.packet.state.eviction import take_place
from hardtack.packet.state.follow import MOST_REACH, begin, behind_it
from hardtack.packet.state.half_open import begin_half_open
from hardtack.packet.state.hosts import net_at
from hardtack.packet.state.prefixes import cell_for, count_newcomer, is_busy, mixed_prefix, most_newcomers

WRONG, GOOD, UNTRIED = 0, 1, 2

REMEMBERED = int(Reason.remembered)
LEARNED = int(Reason.learned)
OPENED = int(Reason.opened)
LEARN_LIMIT = int(Reason.learn_limit)
GUESS_LIMIT = int(Reason.guess_limit)
NEWCOMER_LIMIT = int(Reason.newcomer_limit)
STRAY_FIN = int(Reason.stray_fin)
STRAY_DATA = int(Reason.stray_data)
STRAY_ACK = int(Reason.stray_ack)

UNSCALED_REACH = 17  # twice 64 KB; with a scale, twice that with the scale: RFC 7323 2.2


@inlined
def judge_brought(flow, moment, cell, good):
    """A segment with a cookie that is GOOD, WRONG or UNTRIED: ADMIT or LEARN, or the reason why it goes no further."""
    return refuse_newcomer(flow, cell, moment.ms) if good == GOOD else judge_unknown(flow, moment, good)


@inlined
def blur_kind(flow):
    """For the verifier, which would walk what follows, a search through a table, anew for each kind of frame."""
    by = flow.acknowledgment
    flow.version, flow.network = blurred(flow.version, by, 7), blurred(flow.network, by, MOST_NETWORK)
    flow.flags = blurred(flow.flags, by, 0xFF)


@inlined
def make_known(flow, host, name, moment, entry, outcome):
    """A connection from now on: of its kind (`outcome`) the reason. `entry`: the last one of this name, or nothing."""
    blur_kind(flow)
    by = flow.acknowledgment
    outcome = -blurred(-outcome, by, 7)
    cell = cell_for(mixed_prefix(flow), second_of(moment.ms))
    busy = 0 if absent(cell) or outcome == LEARN else 1 if is_busy(cell, most_newcomers()) else 0
    busy = blurred(busy, by, 1)
    if absent(entry):
        entry = take_place(name, moment.ms, not busy)
    opens = outcome == OPEN or outcome == OPEN_CHARGED
    if not absent(entry):
        origin = BY_SYN if opens else BY_COOKIE if outcome == ADMIT else BY_GRACE
        begin(entry, name, host.number, origin, moment.ms)
        if opens:
            begin_half_open(entry, flow, 1 if outcome == OPEN_CHARGED else 0)
        else:
            remember(flow, host, entry, outcome)
    elif busy or opens:  # a SYN whose connection is not known would end in a stray ACK
        return NEWCOMER_LIMIT
    if opens:
        return OPENED
    return REMEMBERED if outcome == ADMIT else LEARNED


@inlined
def has_made_known(reason):
    """Whether a frame with this reason may have changed which connections are known."""
    return reason == REMEMBERED or reason == LEARNED or reason == OPENED


@inlined
def judge_unknown(flow, moment, good):
    """No good cookie, of no known connection: why it goes no further; LEARN if it is to be learned."""
    if moment.ms < net_at(flow.place).grace_until:
        return LEARN if may_learn(moment.ms) else LEARN_LIMIT
    return GUESS_LIMIT if good == UNTRIED else stray(flow)


@inlined
def stray(flow):
    """Nobody's ACK, or worse."""
    if flow.flags & FIN:
        return STRAY_FIN
    return STRAY_DATA if flow.payload > 0 else STRAY_ACK


@inlined
def refuse_newcomer(flow, cell, ms):
    """Why a good cookie makes no connection; ADMIT if it does: it is counted, and speaks for its prefix."""
    if i64(cell.opened) >= 2 * most_newcomers():  # a half of what it has opened is of the second before, and so on
        return NEWCOMER_LIMIT
    count_newcomer(cell, mixed_prefix(flow), second_of(ms))
    return ADMIT


@inlined
def remember(flow, host, entry, outcome):
    """From now on the connection is known: in the place of the last one of this name, or in one of its own.

    A client may come back by the same port: RFC 1122 4.2.2.13. If other CPUs are in the way of a place, its next segment is
    stray, or learned. A host that is heard must confirm the connection before its client may send much.
    """
    entry.next, entry.sent = behind_it(flow), flow.acknowledgment
    state = CLIENT_FIN if flow.flags & FIN else 0
    if host.heard:
        state |= AWAITED | NUMBERED if outcome == ADMIT else AWAITED
        entry.left = START
    entry.state = state
    if outcome == ADMIT:
        reach_as_offered(flow, i64(host.scale), entry)


@inlined
def reach_as_offered(flow, ours, entry):
    """How large windows can be: the host's by the scale that we have given, the client's by the one it has offered."""
    scale = (flow.acknowledgment - 1) & LOW_32 & OPTION_BITS & 15
    entry.reach = entry.ack_reach = UNSCALED_REACH
    if scale != NO_SCALE:
        entry.reach, entry.ack_reach = reach_with(ours), reach_with(scale)


@inlined
def reach_with(scale):
    """Of windows with this scale."""
    return UNSCALED_REACH + scale if UNSCALED_REACH + scale < MOST_REACH else MOST_REACH
