"""What may be spent in a window: SYN-ACKs for a host, and for all; connections learned, and taught.

All CPUs draw from one budget, in parts that grow smaller as it runs out. Who may have how much while it is short, each CPU
decides by what it has seen itself.
"""

from __future__ import annotations

from hardtack.packet.reasons import Reason
from naive import prefixes
from naive.cpu import Share
from naive.moment import WORD, Moment
from naive.parse import Segment
from naive.state import Host, State

EVERYBODY, LEARNING = 0, "connections learned"
QUOTES = 128  # ICMP errors in a window, of no known connection
RESERVE_BITS = 3  # an eighth is for prefixes that have lately brought good cookies
PART_BITS = 6
FLOOR_BITS = 6
TO_HOST = 1 << 15  # a host's second crowd: of whom SYNs go on, rather than being answered


def may_learn(state: State, moment: Moment) -> bool:
    """Whether the grace period has room for one more connection, which then is paid for."""
    return pay(state, LEARNING, plain_share(state, LEARNING, moment), state.learned)


def may_teach(state: State, number: int, moment: Moment) -> bool:
    """The same, of what a host may teach."""
    whose = f"taught by {number}"
    return pay(state, whose, plain_share(state, whose, moment), state.taught)


def may_quote(state: State, number: int, moment: Moment) -> bool:
    """The same, of errors about connections that nobody here knows."""
    whose = f"quoted of {number}"
    return pay(state, whose, plain_share(state, whose, moment), QUOTES)


def may_be_answered(state: State, host: Host, moment: Moment) -> bool:
    """The same, of SYNs that would be answered in a dry run."""
    return pay(state, host.number, plain_share(state, host.number, moment), host.replies)


def plain_share(state: State, whose: int | str, moment: Moment) -> Share:
    """This CPU's, in this window."""
    share = state.cpus[moment.cpu].shares[whose]
    if share.window != moment.window:
        share.window, share.left = moment.window, 0
    return share


def refuses(state: State, segment: Segment, host: Host, moment: Moment) -> Reason | None:
    """Why a SYN gets no answer; None if it may have one, which then is paid for."""
    shares, source = state.cpus[moment.cpu].shares, segment.packet.source
    everybody, ours = shares[EVERYBODY], shares[host.number]
    turn_host(everybody, ours, host, moment)
    if prefixes.is_capped(state, source, moment):
        return Reason.prefix_cap
    everybody.wanted += 1
    ours.wanted += 1
    if everybody.tight and ours.spent >= everybody.host_fair:
        return Reason.total_limit
    proven = prefixes.is_proven(state, source, moment)
    if (everybody.tight or ours.tight) and not has_fair_share(state, source, host, proven, moment):
        return Reason.prefix_limit
    if not pay(state, host.number, ours, but_reserve(host.replies, proven)):
        return Reason.host_limit
    if not pay(state, EVERYBODY, everybody, but_reserve(state.replies, proven)):
        ours.left += 1  # given back
        return Reason.total_limit
    ours.spent += 1
    return None


def keeps_off(state: State, segment: Segment, host: Host, moment: Moment) -> Reason | None:
    """Why a SYN does not go on to its host, which wants no more than so many; None if it may, which then is paid for."""
    whose, cpu = f"passed to {host.number}", state.cpus[moment.cpu]
    ours = cpu.shares[whose]
    if ours.window != moment.window:
        crowd = ours.crowd if ours.window + 1 == moment.window else 0
        cpus = prefixes.cpus(state, moment)
        ours.fair, ours.crowd = max(1, host.syns // cpus // (crowd + 1)), 0
        begin(ours, host.syns, cpus, moment.window)
    ours.wanted += 1
    if ours.tight and not has_its_share(state, segment.packet.source, ours, host.number | TO_HOST, ours.fair, moment):
        return Reason.prefix_limit
    return None if pay(state, whose, ours, host.syns) else Reason.syn_limit


def turn_everybody(state: State, moment: Moment) -> None:
    """Everybody's share in this window, if it is not in it yet."""
    everybody = state.cpus[moment.cpu].shares[EVERYBODY]
    if everybody.window != moment.window:
        everybody.cpus = count_cpus(state, moment.window)
        hosts = everybody.hosts if everybody.window + 1 == moment.window else 0
        everybody.host_fair = max(1, state.replies // (max(1, hosts) * everybody.cpus))
        everybody.hosts = 0
        begin(everybody, state.replies, everybody.cpus, moment.window)


def turn_host(everybody: Share, ours: Share, host: Host, moment: Moment) -> None:
    """A host's, likewise."""
    if ours.window != moment.window:
        everybody.hosts += 1
        crowd = ours.crowd if ours.window + 1 == moment.window else 0
        part = host.replies // everybody.cpus
        if everybody.tight:
            part = min(part, everybody.host_fair)
        ours.fair = max(1, part // (crowd + 1))  # one share is for who comes anew
        ours.crowd = 0
        begin(ours, host.replies, everybody.cpus, moment.window)


def begin(share: Share, limit: int, cpus: int, window: int) -> None:
    """A new window. What was tight remains so if more was wanted than there is."""
    share.tight = share.tight and share.window + 1 == window and share.wanted * cpus > limit
    share.window, share.left, share.wanted, share.spent = window, 0, 0, 0


def count_cpus(state: State, window: int) -> int:
    """How many CPUs had SYNs in the window before; this one has some in this."""
    crew, before = state.crew, (window - 1) % WORD
    when, found = crew[before & 1]
    now, joined = crew[window & 1]
    crew[window & 1] = window % WORD, (joined if now == window % WORD else 0) + 1
    return max(1, found) if when == before else 1


def has_fair_share(state: State, source: bytes, host: Host, proven: bool, moment: Moment) -> bool:
    """Whether the prefix has had fewer answers of this host's than its share; a /64 may have a quarter of that."""
    shares = state.cpus[moment.cpu].shares
    ours = shares[host.number]
    fair = ours.fair
    if proven:  # eight of these use up what is reserved
        fair = max(fair, (min(host.replies, state.replies) >> FLOOR_BITS) // shares[EVERYBODY].cpus)
    return has_its_share(state, source, ours, host.number, fair, moment)


def has_its_share(state: State, source: bytes, ours: Share, number: int, fair: int, moment: Moment) -> bool:
    """The same, of one that is `fair`. `number`: of the crowd."""
    had, new = crowd(state, prefixes.network(source), number, fair, moment)
    if new:
        ours.crowd += 1
    if had >= fair:
        return False
    if len(source) == 4:
        return True
    quarter = max(1, fair >> 2)
    return crowd(state, source[:8], number, quarter, moment)[0] < quarter


def crowd(state: State, prefix: bytes, number: int, fair: int, moment: Moment) -> tuple[int, bool]:
    """How many SYNs of a prefix were let through in this window; one more if that is less than `fair`. Whether it is new."""
    crowds, window = state.cpus[moment.cpu].crowds, moment.window % WORD
    place = prefixes.mixed(state.factors, prefix, number) >> 53
    when, had = crowds.get(place, (0, 0))
    new = when != window
    had = 0 if new else had
    crowds[place] = window, had + 1 if had < fair else had
    return had, new


def but_reserve(limit: int, proven: bool) -> int:
    """What a prefix may see spent before it is refused."""
    return limit if proven else limit - (limit >> RESERVE_BITS)


def pay(state: State, whose: int | str, share: Share, limit: int) -> bool:
    """One of what this CPU has drawn; when that is used up, it draws again."""
    if share.left == 0:
        share.left = draw(state, whose, share.window, limit)
    if share.left == 0:
        share.tight = True
        return False
    share.left -= 1
    return True


def draw(state: State, whose: int | str, ours: int, limit: int) -> int:
    """A part of the budget. A CPU whose clock is behind draws from the window of those that are ahead."""
    window, taken = state.taken.get(whose, (0, 0))
    if (window - ours) % WORD >= WORD // 2:  # it is of a window that has passed
        window, taken = ours % WORD, 0
    if taken >= limit:
        return 0
    part = max(1, (limit - taken) >> PART_BITS)
    state.taken[whose] = window, taken + part
    return part
