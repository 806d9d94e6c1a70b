"""How many SYNs may be answered, so that the front is no reflector; and who may have how many when not all can.

A budget is so much in each window of 128 ms. CPUs take it in chunks, so that they seldom touch what they share. While one
runs out, each source prefix (/24, /64) may have its fair share of it, and no more: who floods by his own name, or in the
name of a few networks, leaves room for everybody else.
"""

from __future__ import annotations

from hardtack.compiler.language import (
    absent,
    address,
    compare_exchange,
    entry_at,
    entry_of,
    i64,
    inlined,
    own_entry,
    u64,
)
from hardtack.packet.connections import places
from hardtack.packet.layout import (
    BUDGETS,
    CROWD_CELLS,
    CROWDS,
    LEARNING,
    POLICY,
    SHARES,
    WINDOW_BITS,
    Budget,
    Crowds,
    Policy,
    Share,
)
from hardtack.packet.parse import NONE
from hardtack.packet.reasons import Reason

EVERYBODY = 0  # the budget of all hosts together
CHUNK_BITS = 6  # a CPU takes a 64th of a budget at a time
ATTEMPTS = 2  # when other CPUs take of the very same budget at the same time
CELL_SHIFT = 64 - CROWD_CELLS.bit_length() + 1
PREFIX_4 = 0xFFFFFF  # the first three bytes of an IPv4 address, as they lie in memory
LOW_32 = 0xFFFFFFFF

HOST_LIMIT = int(Reason.host_limit)
TOTAL_LIMIT = int(Reason.total_limit)
PREFIX_LIMIT = int(Reason.prefix_limit)

policy = entry_of(POLICY, Policy)
budget_at = entry_at(BUDGETS, Budget)
share_at = entry_at(SHARES, Share)
own_crowds = own_entry(CROWDS, Crowds)


@inlined
def reply_refused(flow, host, now):
    """Why this SYN gets no answer; NONE if it may have one, which is then paid for."""
    window, everybody, ours = window_of(now), share_at(EVERYBODY), share_at(i64(host.number))
    if absent(everybody) or absent(ours):
        return NONE
    total, limit = policy().replies, u64(host.replies)
    turn(everybody, window, total)
    turn(ours, window, limit)
    short = ours if bites(ours) else everybody
    if bites(short) and not has_fair_share(flow, host, everybody, ours, short):
        short.refused = window
        return PREFIX_LIMIT
    if not pay(ours, i64(host.number), limit):
        return HOST_LIMIT
    return NONE if pay(everybody, EVERYBODY, total) else TOTAL_LIMIT


@inlined
def may_learn(now):
    """Whether the grace period has room for one more connection, which is then paid for."""
    share, limit = share_at(LEARNING), policy().learned
    if absent(share):
        return False
    turn(share, window_of(now), limit)
    return pay(share, LEARNING, limit)


@inlined
def window_of(now):
    """Counted from 1, so that a share that was never used is of none."""
    return (now >> u64(WINDOW_BITS)) + u64(1)


@inlined
def turn(share, window, limit):
    """A new window, if it is one."""
    if share.window == window:
        return
    fair = limit // ((share.crowd + u64(1)) * policy().queues)  # one share is for who comes anew
    share.fair = fair if fair else u64(1)
    share.window, share.left, share.crowd = window, u64(0), u64(0)


@inlined
def bites(share):
    """Whether somebody was refused in this window or the one before."""
    return share.refused + u64(1) >= share.window


@inlined
def has_fair_share(flow, host, everybody, ours, short):
    """Whether the source's prefix has had less than the others' equal share, as far as this CPU sees; one more for it."""
    crowds = own_crowds()
    if absent(crowds):
        return True
    prefix = (flow.source_low >> u64(32)) & u64(PREFIX_4) if flow.version == 4 else flow.source_high
    mixed = (prefix ^ (u64(host.number) << u64(48))) * (places().factors[0] | u64(1))
    number = i64(mixed >> u64(CELL_SHIFT))
    window = short.window & u64(LOW_32)
    cell = crowds.cells[number]
    if cell >> u64(32) != window:
        cell = window << u64(32)
        everybody.crowd += u64(1)
        ours.crowd += u64(1)
    if cell & u64(LOW_32) >= short.fair:
        crowds.cells[number] = cell
        return False
    crowds.cells[number] = cell + u64(1)
    return True


@inlined
def pay(share, number, limit):
    """Take one of this CPU's part; when that is used up, a new part of the budget."""
    if not share.left and not draw(share, number, limit):
        share.refused = share.window
        return False
    share.left -= u64(1)
    return True


@inlined
def draw(share, number, limit):
    """Take a part of the budget that all CPUs share; False if there is nothing left in this window."""
    budget = budget_at(number)
    if absent(budget):
        return False
    part = limit >> u64(CHUNK_BITS)
    part = part if part else u64(1)
    window = share.window & u64(LOW_32)
    for _ in range(ATTEMPTS):
        before = budget.taken
        taken = before & u64(LOW_32) if before >> u64(32) == window else u64(0)
        if taken >= limit:
            return False
        part = part if taken + part <= limit else limit - taken
        if compare_exchange(address(budget), before, (window << u64(32)) | (taken + part)) == before:
            share.left = part
            return True
    return False
