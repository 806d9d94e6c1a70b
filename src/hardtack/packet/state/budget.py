"""Budgets: so much in each window of 128 ms, of SYNs answered and of connections learned.

CPUs take their part in chunks, a 64th of what is left, so that they seldom touch what they share and none goes away
empty-handed. Windows are of the monotonic clock; a CPU that is a tick behind spends from the window that has begun.
"""

from __future__ import annotations

from hardtack.compiler.language import absent, address, compare_exchange, entry_at, entry_of, i64, inlined, u64
from hardtack.packet.cookie.time import window_of
from hardtack.packet.layout import BUDGETS, BUDGETS_EACH, LEARNING, POLICY, QUOTED, SHARES, TAUGHT, Budget, Policy, Share

RESERVE_SHIFT = 3  # an 8th is for those who may have it
CHUNK_BITS = 6  # a CPU takes a 64th of what is left at a time
QUOTES = 128  # in a window, about 1,000 a second: as many ICMP errors as Linux sends (icmp_msgs_per_sec)
ATTEMPTS = 4  # when other CPUs take of the very same budget at the same time
LOW_32 = 0xFFFFFFFF
AHEAD = 1 << 31  # of windows, modulo 2^32: more is behind

policy = entry_of(POLICY, Policy)
budget_at = entry_at(BUDGETS, Budget)
share_at = entry_at(SHARES, Share)


@inlined
def may_learn(ms):
    """Whether the grace period has room for one more connection, which is then paid for."""
    return may_have_one(LEARNING, policy().learned, ms)


@inlined
def may_teach(host, ms):
    """Whether the host may teach one more connection, which is then paid for."""
    return may_have_one(budget_of(host, TAUGHT), policy().taught, ms)


@inlined
def may_quote(host, ms):
    """Whether the host may have one more ICMP error about a connection that nobody here knows, which is then paid for."""
    return may_have_one(budget_of(host, QUOTED), u64(QUOTES), ms)


@inlined
def budget_of(host, kind):
    """The number of one of a host's budgets."""
    return i64(host.number) * BUDGETS_EACH + kind


@inlined
def may_have_one(number, limit, ms):
    """One more of a budget that is nothing but a limit."""
    share, window = share_at(number), window_of(ms)
    if absent(share):
        return False
    if share.window != window:
        share.window, share.left, share.drawn = window, u64(0), u64(0)
    return pay(share, number, limit, True)


@inlined
def pay(share, number, limit, reserve):
    """Take one of this CPU's part; when that is used up, a new part of the budget. Refused: it has run out.

    `reserve`: whether the last 8th may be touched.
    """
    if not share.left and not draw(share, number, limit if reserve else limit - (limit >> u64(RESERVE_SHIFT))):
        share.tight = u64(1)
        return False
    share.left -= u64(1)
    return True


@inlined
def draw(share, number, limit):
    """Take a part of the budget that all CPUs share; False if there is nothing left in this window.

    Who loses every race for it has one all the same: others have just had theirs, so there was something left.
    """
    budget = budget_at(number)
    if absent(budget):
        return False
    for _ in range(ATTEMPTS):
        before = budget.taken
        window, taken = share.window & u64(LOW_32), u64(0)
        if (before >> u64(32)) - window & u64(LOW_32) < u64(AHEAD):
            window, taken = before >> u64(32), before & u64(LOW_32)
        if taken >= limit:
            return False
        part = at_least_one((limit - taken) >> u64(CHUNK_BITS))
        if compare_exchange(address(budget), before, (window << u64(32)) | (taken + part)) == before:
            return has_drawn(share, part)
    return has_drawn(share, u64(1))


@inlined
def has_drawn(share, part):
    """So much is this CPU's now."""
    share.left = part
    share.drawn += part
    return True


@inlined
def at_least_one(number):
    """Of what is shared out, everybody has something."""
    return number if number else u64(1)
