"""How many SYNs go on to a host, where it answers them itself."""

from __future__ import annotations

from hardtack.compiler.language import absent, i64, inlined, u64
from hardtack.packet.cookie.time import second_of, window_of
from hardtack.packet.frame.parse import NONE
from hardtack.packet.layout import EVERYBODY, PASSED
from hardtack.packet.reasons import Reason
from hardtack.packet.state.budget import at_least_one, budget_of, pay, share_at
from hardtack.packet.state.prefixes import cell_for, mixed_prefix, more, most_newcomers
from hardtack.packet.state.replies import has_fair_share, turn_shared

NEWCOMER_LIMIT = int(Reason.newcomer_limit)
PREFIX_LIMIT = int(Reason.prefix_limit)
SYN_LIMIT = int(Reason.syn_limit)

OURS = 1 << 63  # tells apart from SYNs that are answered


@inlined
def pass_refused(flow, host, ms):
    """Why a SYN does not go on to its host; NONE if it may, which is then paid for.

    A source prefix may open so many connections; and while the host's limit bites, each has its fair share.
    """
    cell, everybody = cell_for(mixed_prefix(flow), second_of(ms)), share_at(EVERYBODY)
    if absent(cell) or absent(everybody) or i64(cell.opened) >= 2 * most_newcomers():
        return NEWCOMER_LIMIT
    if host.syns:
        reason = limit_bites(flow, host, everybody, window_of(ms))
        if reason != NONE:
            return reason
    cell.opened = more(i64(cell.opened))
    return NONE


@inlined
def limit_bites(flow, host, everybody, window):
    """The host's own limit."""
    share, limit = share_at(budget_of(host, PASSED)), u64(host.syns)
    if absent(share):
        return SYN_LIMIT
    if share.window != window:
        cpus = at_least_one(everybody.cpus)
        turn_shared(share, window, limit, limit // cpus, cpus)
    if share.tight and not has_fair_share(flow, (u64(host.number) << u64(48)) ^ u64(OURS), share, share.fair):
        share.refused += u64(1)
        return PREFIX_LIMIT
    if not pay(share, budget_of(host, PASSED), limit, True):
        share.refused += u64(1)
        return SYN_LIMIT
    return NONE
