"""How many SYNs may be answered, so that the front is no reflector; and who may have how many when not all can.

In any case: a source prefix has a cap, until it has brought a good cookie (cap.py). Then each host has a budget, and all
together (budget.py); an 8th of both is for prefixes that have brought a good cookie of late. Only while a budget runs out,
and is still wanted more than there is: each host has its fair share of what all have, and each source prefix its fair share
of its host's. Who floods by his own name, or in the name of a few networks or one host, leaves room for everybody else.
"""

from __future__ import annotations

from hardtack.compiler.language import absent, address, at, compare_exchange, i64, inlined, own_entry, u64
from hardtack.packet.cookie.time import second_of, window_of
from hardtack.packet.frame.parse import NONE
from hardtack.packet.layout import CROWD_CELLS, CROWDS, EVERYBODY, REPLIES, Budget, Crowds
from hardtack.packet.reasons import Reason
from hardtack.packet.state.budget import ATTEMPTS, LOW_32, at_least_one, budget_at, budget_of, pay, policy, share_at
from hardtack.packet.state.cap import is_capped
from hardtack.packet.state.connections import places
from hardtack.packet.state.names import prefix_of
from hardtack.packet.state.prefixes import cell_for, is_guessed, is_proven, mixed_number, mixed_prefix, note_asked

FLOOR_SHIFT = 6  # a proven prefix has a 64th of a budget in any case
NARROW_SHIFT = 2  # a /64 may have a quarter of its /48's fair share
CELL_SHIFT = 64 - CROWD_CELLS.bit_length() + 1
CREW = Budget["taken"].itemsize  # offset: it comes behind that

HOST_LIMIT = int(Reason.host_limit)
TOTAL_LIMIT = int(Reason.total_limit)
PREFIX_LIMIT = int(Reason.prefix_limit)
PREFIX_CAP = int(Reason.prefix_cap)

own_crowds = own_entry(CROWDS, Crowds)


@inlined
def reply_refused(flow, host, name, ms):
    """Why this SYN gets no answer; NONE if it may have one, which is then paid for."""
    everybody, ours = share_at(EVERYBODY), share_at(budget_of(host, REPLIES))
    second, mixed = second_of(ms), mixed_prefix(flow)
    cell = cell_for(mixed, second)
    if absent(everybody) or absent(ours) or absent(cell):
        return NONE
    if has_plenty(everybody, ours, cell, window_of(ms)) and not is_capped(flow, cell, False, second, i64(everybody.cap)):
        everybody.left -= u64(1)
        ours.left -= u64(1)
        return NONE
    return judge_budgets(flow, host, name, everybody, ours, cell, mixed, ms)


@inlined
def has_plenty(everybody, ours, cell, window):
    """The short way for nearly all SYNs: nothing has run out on this CPU, and their prefix does not guess."""
    return (
        everybody.window == window
        and ours.window == window
        and everybody.left
        and ours.left
        and not everybody.tight | ours.tight
        and cell.guessed == 0
    )


@inlined
def judge_budgets(flow, host, name, everybody, ours, cell, mixed, ms):
    """The same, one by one."""
    window, second, total, limit = window_of(ms), second_of(ms), policy().replies, u64(host.replies)
    if ours.window != window:
        turn_host(ours, window, limit, everybody)
    proven = is_proven(cell, mixed, second)
    if is_capped(flow, cell, proven, second, i64(everybody.cap)):
        return PREFIX_CAP
    refused = NONE
    if everybody.tight | ours.tight:
        fair = fair_if_proven(everybody, ours, total if total < limit else limit) if proven else ours.fair
        refused = judge_fairness(flow, host, everybody, ours, fair)
    if refused == NONE and not pay(ours, budget_of(host, REPLIES), limit, proven):
        refused = HOST_LIMIT
    if refused == NONE and not pay(everybody, EVERYBODY, total, proven):
        refused = TOTAL_LIMIT
        ours.left += u64(1)  # what was paid for nothing is no part of what the host has had
    if refused != NONE:
        ours.refused += u64(1)
        everybody.refused += u64(1)
        return refused
    if is_guessed(cell, second):
        note_asked(name, second)
    return NONE


@inlined
def judge_fairness(flow, host, everybody, ours, fair):
    """While a budget runs out: why somebody has had enough, his host or his prefix; NONE if not."""
    if everybody.tight and ours.drawn - ours.left >= everybody.host_fair:
        return TOTAL_LIMIT
    return NONE if has_fair_share(flow, u64(host.number) << u64(48), ours, fair) else PREFIX_LIMIT


@inlined
def turn_everybody(everybody, window, total):
    """The same for all hosts together; and how many CPUs take part, by those that did in the window before."""
    everybody.cpus = joined(window)
    hosts = everybody.hosts if everybody.window + u64(1) == window else u64(0)
    everybody.host_fair = at_least_one(total // (at_least_one(hosts) * everybody.cpus))
    everybody.hosts = u64(0)
    everybody.cap = at_least_one(policy().prefix_replies // everybody.cpus)
    everybody.newcomers = at_least_one(policy().prefix_connections // everybody.cpus)
    turn(everybody, window, total, everybody.cpus)


@inlined
def turn_host(ours, window, limit, everybody):
    """A new window for a host, and what each source prefix may have of its part."""
    part = limit // everybody.cpus
    if everybody.tight and everybody.host_fair < part:
        part = everybody.host_fair
    everybody.hosts += u64(1)
    turn_shared(ours, window, limit, part, everybody.cpus)


@inlined
def turn_shared(share, window, limit, part, cpus):
    """A new window of a budget of which source prefixes have shares, of `part` on this CPU."""
    crowd = share.crowd if share.window + u64(1) == window else u64(0)
    share.fair = at_least_one(part // (crowd + u64(1)))  # one share is for who comes anew
    share.crowd = u64(0)
    turn(share, window, limit, cpus)


@inlined
def turn(share, window, limit, cpus):
    """A new window. It stays tight only while more is wanted than there is."""
    wanted = share.drawn - share.left + share.refused
    if share.window + u64(1) != window or wanted * cpus <= limit:
        share.tight = u64(0)
    share.window = window
    share.left, share.drawn, share.refused = u64(0), u64(0), u64(0)


@inlined
def joined(window):
    """This CPU takes part in the window; how many did in the one before, at least one."""
    budget = budget_at(EVERYBODY)
    if absent(budget):
        return u64(1)
    low = window & u64(LOW_32)
    for _ in range(ATTEMPTS):
        word = budget.crew[i64(window & u64(1))]
        count = word & u64(LOW_32) if word >> u64(32) == low else u64(0)
        place = at(address(budget), CREW + i64(window & u64(1)) * 8)
        if compare_exchange(place, word, (low << u64(32)) | (count + u64(1))) == word:
            break
    last = budget.crew[i64(~window & u64(1))]
    return at_least_one(last & u64(LOW_32)) if last >> u64(32) == (window - u64(1)) & u64(LOW_32) else u64(1)


@inlined
def fair_if_proven(everybody, ours, limit):
    """What a proven prefix may have, however many others come: eight such use up what is reserved for them."""
    floor = (limit >> u64(FLOOR_SHIFT)) // everybody.cpus
    return floor if floor > ours.fair else ours.fair


@inlined
def has_fair_share(flow, whose, ours, fair):
    """Whether the source's prefix has had less than its fair share, as far as this CPU sees; one more for it.

    `whose`: tells budgets apart, above the 48 bits of a prefix.
    """
    crowds = own_crowds()
    if absent(crowds):
        return True
    window = ours.window & u64(LOW_32)
    prefix = prefix_of(flow.source_high, flow.source_low, flow.version == 4)
    number = i64(mixed_number(prefix ^ whose) >> u64(CELL_SHIFT))
    if crowds.cells[number] >> u64(32) != window:
        ours.crowd += u64(1)
    if not has_less(crowds, number, window, fair):
        return False
    if flow.version == 4:
        return True
    number = i64(((flow.source_high ^ whose) * (places().factors[1] | u64(1))) >> u64(CELL_SHIFT))
    return has_less(crowds, number, window, at_least_one(fair >> u64(NARROW_SHIFT)))


@inlined
def has_less(crowds, number, window, fair):
    """Whether a cell has had less than `fair` in this window; one more for it."""
    cell = crowds.cells[number]
    if cell >> u64(32) != window:
        cell = window << u64(32)
    if cell & u64(LOW_32) >= fair:
        crowds.cells[number] = cell
        return False
    crowds.cells[number] = cell + u64(1)
    return True
