"""A place for a new connection; and which one is evicted where there is none.

Whoever can make many connections must not make the front forget others'. So of the sixteen in a newcomer's two buckets goes,
in this order, one that

    7  is over
    6  is half open
    5  comes from a source prefix that opens very many connections now, of several such from the one that opens most
    4  comes from the newcomer's own source prefix: who takes much displaces his own
    3  was never confirmed by its host, where hosts are heard, or where it is known by hearsay only
    2  is of a source prefix that has more than its share of the sixteen
    1  is for a host that has
    0  is any other

and of several the one that was silent longest. Shares are found by majority votes (Boyer and Moore, 1981), one for prefixes
and one for hosts: whom more than MANY votes are left for, has more than MANY places.
"""

from __future__ import annotations

from hardtack.compiler.language import absent, address, barrier, compare_exchange, i64, inlined, own_entry, u64
from hardtack.packet.cookie.time import second_of, stamp
from hardtack.packet.frame.martians import is_mapped
from hardtack.packet.layout import (
    AHEAD,
    AWAITED,
    BY_GRACE,
    BY_SEED,
    CLIENT_FIN,
    EVICTED,
    HALF_OPEN,
    HOST_FIN,
    HOST_SEEN,
    SEARCH,
    WAYS,
)
from hardtack.packet.records import Search
from hardtack.packet.state.connections import (
    ATTEMPTS,
    LOW_32,
    WAY_BITS,
    bits_below,
    change_tag,
    connection_at,
    count_of,
    first_way,
    free_places,
    no_connection,
    seat,
    tags_at,
)
from hardtack.packet.state.names import prefix_of
from hardtack.packet.state.prefixes import cell_for, is_busy, mixed_number, most_newcomers

OVER = CLIENT_FIN | HOST_FIN
CLASSES = len(EVICTED) - 1
HEARSAY = 1 << BY_GRACE | 1 << BY_SEED
MANY = 4  # places of sixteen
RANK_SHIFT, CLASS_SHIFT = 32, 16  # a rank is above any age, and in it the class above any number of connections opened
OVER_CLASS, HALF_OPEN_CLASS, BUSY, OWN, UNCONFIRMED, PREFIX, HOST = 7, 6, 5, 4, 3, 2, 1

own_search = own_entry(SEARCH, Search)


@inlined
def take_place(name, ms, may_displace):
    """A record for the connection, which `find` has not found; all but `seen` is still what was there before.

    Nothing if another CPU is changing the very same bucket, again and again; or if somebody else's connection had to give
    way and it may not displace any. Whoever writes the record must `mark` it then.
    """
    seat(name)
    for _ in range(ATTEMPTS):
        one, other = tags_at(name.first), tags_at(name.second)
        if absent(one) or absent(other):
            break
        first, second = one.word, other.word
        place = roomier(name, free_places(first), free_places(second))
        if place < 0:
            place = giving_way(name, ms, may_displace)
            return displaced(name, place, first if place >> WAY_BITS == name.first else second, ms)
        entry = taken(name, place)
        if not absent(entry):
            return entry
    return no_connection()


@inlined
def taken(name, place):
    """The record at a free place, if it could be had.

    Nothing of it is written before, or the exchange would wait until that has reached memory (40 ns). Until it is written, a
    CPU that searches a full bucket takes it for the one before; then one of two newcomers is a stranger.
    """
    entry = connection_at(place)
    if absent(entry):
        return entry
    return entry if change_tag(place, u64(0), name.tag) else no_connection()


@inlined
def displaced(name, place, before, ms):
    """The record at a place that is in use; nothing if `place` is none, or its bucket's word is no longer as `before`.

    Another CPU may have found the same one to go. It is not over any more, or it would be the next one to go again.
    """
    if place < 0:
        return no_connection()
    entry, word = connection_at(place), tags_at(place >> WAY_BITS)
    if absent(entry) or absent(word):
        return no_connection()
    entry.seen = stamp(ms)
    after = (before & ~(u64(0xFF) << bits_below(place))) | (name.tag << bits_below(place))
    if compare_exchange(address(word), before, after) != before:
        return no_connection()
    count_eviction()
    entry.state = 0
    return entry


@inlined
def count_eviction():
    """By the class of the one that has gone."""
    search = own_search()
    if not absent(search):
        why = class_of(search.worst) & CLASSES
        search.evicted[why] = search.evicted[why] + 1


@inlined
def roomier(name, free_in_first, free_in_second):
    """A free place: in the first bucket unless it has few and the second more; -1 if there is none."""
    free = count_of(free_in_first)
    if free > WAYS // 2 or free >= count_of(free_in_second):
        return name.first * WAYS + first_way(free_in_first) if free_in_first else -1
    return name.second * WAYS + first_way(free_in_second)


@inlined
def giving_way(name, ms, may_displace):
    """The place whose connection goes, or -1.

    What has been found so far lies in a table (see `barrier`), so that the verifier takes each turn for the first one.
    """
    search = own_search()
    if absent(search):
        return -1
    search.second, search.most = second_of(ms), most_newcomers()
    search.own = prefix_of(name.source_high, name.source_low, name.version == 4)
    search.first, search.other = name.first * WAYS, name.second * WAYS
    search.now = stamp(ms) + AHEAD
    search.prefix_votes, search.host_votes = 0, 0
    for number in range(2 * WAYS):
        barrier()
        entry = connection_at(place_of(search, number))
        if absent(entry):
            break
        vote(search, entry)
    search.worst, search.place = -1, -1
    for number in range(2 * WAYS):
        barrier()
        place = place_of(search, number)
        entry = connection_at(place)
        if absent(entry):
            break
        score = rank(search, entry) << RANK_SHIFT | idle(search, entry)
        if score > search.worst:
            search.worst, search.place = score, place
    barrier()
    return search.place if may_displace or class_of(search.worst) >= OWN else -1


@inlined
def class_of(score):
    """Of a rank and an age together."""
    return score >> (RANK_SHIFT + CLASS_SHIFT)


@inlined
def place_of(search, number):
    """Of the sixteen."""
    return (search.first if number < WAYS else search.other) + (number & (WAYS - 1))


@inlined
def vote(search, entry):
    """The next of the sixteen votes for its prefix, and for its host."""
    prefix, host = prefix_of_entry(entry), i64(entry.host)
    if search.prefix_votes == 0:
        search.prefix = prefix
    search.prefix_votes += 1 if search.prefix == prefix else -1
    if search.host_votes == 0:
        search.host = host
    search.host_votes += 1 if search.host == host else -1


@inlined
def rank(search, entry):
    """Its class, and how many connections its prefix opens now if that is why."""
    state, prefix = i64(entry.state), prefix_of_entry(entry)
    if state & OVER == OVER:
        return OVER_CLASS << CLASS_SHIFT
    if state & HALF_OPEN:
        return HALF_OPEN_CLASS << CLASS_SHIFT
    cell = cell_for(mixed_number(prefix), search.second)
    if not absent(cell) and is_busy(cell, search.most):
        return BUSY << CLASS_SHIFT | i64(cell.opened)
    if prefix == search.own:
        return OWN << CLASS_SHIFT
    if state & AWAITED or (is_hearsay(entry) and not state & HOST_SEEN):
        return UNCONFIRMED << CLASS_SHIFT
    if search.prefix_votes > MANY and prefix == search.prefix:
        return PREFIX << CLASS_SHIFT
    return HOST << CLASS_SHIFT if search.host_votes > MANY and i64(entry.host) == search.host else 0


@inlined
def is_hearsay(entry):
    """Whether nobody has brought a cookie, and its host nothing, when it became known. In one, for the verifier."""
    return (HEARSAY >> (i64(entry.origin) & 7)) & 1


@inlined
def idle(search, entry):
    """How long nothing was seen of it, in ms, and some more; another CPU may have seen something in a moment to come."""
    return (search.now - i64(entry.seen)) & LOW_32


@inlined
def prefix_of_entry(entry):
    """The client's. The host's address says which IP it is: see `hashed`."""
    return prefix_of(entry.source_high, entry.source_low, is_mapped(entry.destination_high, entry.destination_low))
