"""Proven sources: addresses that have answered a challenge, or finished a handshake. No locks, no timers.

Each has one bucket where it may be, by a hash under secret factors, of sixteen places; `proven_tags` holds a byte for each
place, in two words, so that a stranger costs one look. In a full bucket goes who was not heard of longest, of those of a
word; before all others those who have been proven, and no more.

Proven means alive, not honest: a live host answers a SYN-ACK that it never asked for by the same RST. So a source has an
allowance of SYNs in each period of 2 s, a small one at first; handshakes that it ends add to it, and those that it resets or
leaves open take away. Who has lost all of it waits, each time twice as long, until it is challenged again.

CPUs that see the same source at the same time write the same record: a SYN more or less is nobody's harm.
"""

from __future__ import annotations

from hardtack.compiler.language import (
    absent,
    address,
    at,
    barrier,
    compare_exchange,
    entry_at,
    entry_of,
    i64,
    inlined,
    nothing_of,
    own_entry,
    u64,
)
from hardtack.packet.layout import PERIOD_BITS, SEARCH, UNANSWERED
from hardtack.packet.proven_tables import (
    ALLOWANCE_BITS,
    FIRST_ALLOWANCE,
    LOST_SHIFT,
    MOST_LOST,
    MOST_PERIODS,
    NEWCOMER_AGE,
    PROVEN,
    PROVEN_PLACES,
    PROVEN_TAGS,
    PROVEN_WAYS,
    Source,
    SourcePlaces,
    SourceTags,
)
from hardtack.packet.records import Search
from hardtack.packet.state.budget import policy
from hardtack.packet.state.connections import EACH, LOW_32, first_way, free_places, mixed, perhaps_free

WORD_WAYS = 8
LOW_8, LOW_16 = 0xFF, 0xFFFF

proven_places = entry_of(PROVEN_PLACES, SourcePlaces)
tags_at = entry_at(PROVEN_TAGS, SourceTags)
source_at = entry_at(PROVEN, Source)
no_source = nothing_of(Source)
own_search = own_entry(SEARCH, Search)


@inlined
def period_of(ms):
    """The period of 2.048 s, low 16 bits."""
    return i64(ms >> u64(PERIOD_BITS)) & LOW_16


@inlined
def since(then, period):
    """How many periods ago that was; another CPU may be a little ahead."""
    passed = (period - then) & LOW_16
    return passed if passed < MOST_PERIODS else 0


@inlined
def hash_of(high, low):
    """64 bits of an address: multilinear, and mixed, as connections' are."""
    factors = proven_places().factors
    total = factors[0] + (high & u64(LOW_32)) * factors[1] + (high >> u64(32)) * factors[2]
    return mixed(total + (low & u64(LOW_32)) * factors[3] + (low >> u64(32)) * factors[4])


@inlined
def bucket_of(hashed):
    """The number of the bucket."""
    return i64(((hashed >> u64(32)) * proven_places().buckets) >> u64(32))


@inlined
def tag_of_source(hashed):
    """Its tag, never 0."""
    tag = hashed & u64(LOW_8)
    return tag if tag else u64(1)


@inlined
def find_source(high, low):
    """The record of an address (two words, as in Flow), or nothing."""
    hashed = hash_of(high, low)
    bucket, wanted = bucket_of(hashed), tag_of_source(hashed) * u64(EACH)
    tags = tags_at(bucket)
    if absent(tags):
        return no_source()
    source = source_among(high, low, bucket * PROVEN_WAYS, perhaps_free(tags.words[0] ^ wanted))
    if not absent(source):
        return source
    return source_among(high, low, bucket * PROVEN_WAYS + WORD_WAYS, perhaps_free(tags.words[1] ^ wanted))


@inlined
def source_among(high, low, first, fitting):
    """The record, if it is at the one of eight places whose tag fits."""
    if not fitting:
        return no_source()
    source = source_at(first + first_way(fitting))
    if absent(source) or (source.high ^ high) | (source.low ^ low) != u64(0):
        return no_source()
    return source


@inlined
def add_source(high, low, period):
    """A record for an address that `find_source` has not found, without an allowance; nothing if a CPU is in the way."""
    hashed = hash_of(high, low)
    bucket, tag = bucket_of(hashed), tag_of_source(hashed)
    tags = tags_at(bucket)
    if absent(tags):
        return no_source()
    one, other = tags.words[0], tags.words[1]
    way = way_for(one, other, tag * u64(EACH), bucket * PROVEN_WAYS, period)
    before, shift = one if way < WORD_WAYS else other, u64((way & (WORD_WAYS - 1)) * 8)
    after = (before & ~(u64(LOW_8) << shift)) | (tag << shift)
    source = source_at(bucket * PROVEN_WAYS + way)
    if absent(source) or compare_exchange(at(address(tags), way & WORD_WAYS), before, after) != before:
        return no_source()
    source.high, source.low = high, low
    source.used, source.earned, source.passed, source.pending, source.before = period, 0, 0, 0, 0
    return source


@inlined
def way_for(one, other, wanted, first, period):
    """Which of the sixteen places a newcomer gets: in a word where nobody has its tag, so that one look finds it.

    A free one; else that of whoever gives way; and if both words have its tag, the place of one that has.
    """
    fits, fits_other = perhaps_free(one ^ wanted), perhaps_free(other ^ wanted)
    free = free_places(one) if not fits else u64(0)
    free_other = free_places(other) if not fits_other else u64(0)
    if free:
        return first_way(free)
    if free_other:
        return WORD_WAYS + first_way(free_other)
    if fits and fits_other:
        return first_way(fits)
    begins = WORD_WAYS if fits or (not fits_other and period & 1) else 0
    return begins + giving_way(first + begins, period)


@inlined
def giving_way(first, period):
    """Which of eight goes. How far the search has come lies in a table: see eviction.giving_way."""
    search = own_search()
    if absent(search):
        return 0
    search.worst, search.place, search.first, search.now = -1, 0, first, period
    for way in range(WORD_WAYS):
        barrier()
        source = source_at(search.first + way)
        if absent(source):
            break
        age, allowance = since(i64(source.used), search.now), allowance_of(source)
        if 0 < allowance and allowance <= FIRST_ALLOWANCE:
            age += NEWCOMER_AGE
        if age > search.worst:
            search.worst, search.place = age, way
    barrier()
    return search.place & (WORD_WAYS - 1)


@inlined
def allowance_of(source):
    """SYNs that it may have in a period."""
    return i64(source.earned) & ALLOWANCE_BITS


@inlined
def lost_of(source):
    """How often in a row it has lost its allowance."""
    return i64(source.earned) >> LOST_SHIFT


@inlined
def set_earned(source, allowance, lost):
    """Both."""
    source.earned = allowance | (lost << LOST_SHIFT)


@inlined
def turn_source(source, host, period):
    """Bring a record to this period. What was half open for a whole one has not ended, and is held against its source.

    Not if the host answers nobody.
    """
    passed = since(i64(source.used), period)
    if passed == 0:
        return
    left = i64(source.before) + (i64(source.pending) if passed > 1 else 0)
    source.before = i64(source.pending) if passed == 1 else 0
    source.pending, source.passed = 0, 0
    allowance = allowance_of(source)
    if left == 0 or allowance == 0 or host.handshake & u64(UNANSWERED):
        if allowance:
            source.used = period
        return
    if left < allowance:
        set_earned(source, allowance - left, lost_of(source))
        source.used = period
    else:
        lose(source, (i64(source.used) + (passed if passed < 2 else 2)) & LOW_16)


@inlined
def lose(source, period):
    """The allowance is gone since this period."""
    lost = lost_of(source)
    set_earned(source, 0, lost + 1 if lost < MOST_LOST else lost)
    source.used = period


@inlined
def waits(source, period):
    """Whether it has lost its allowance, and not waited long enough to be challenged: 2 s, twice as long each time."""
    lost = lost_of(source)
    return allowance_of(source) == 0 and lost and since(i64(source.used), period) <= 1 << (lost - 1)


@inlined
def is_fresh(source, period):
    """Whether it has been heard of lately enough to count as proven."""
    return since(i64(source.used), period) <= i64(policy().source_life)


@inlined
def may_pass(source):
    """Whether one more SYN of it may go on: in this period, and beside those that are half open."""
    half_open, allowance = i64(source.pending) + i64(source.before), allowance_of(source)
    return i64(source.passed) < allowance and half_open < allowance


@inlined
def charge(source):
    """One more SYN of it goes on, and is half open."""
    source.passed = i64(source.passed) + 1
    source.pending = more(i64(source.pending))


@inlined
def more(count):
    """One more, as far as there is room in a byte."""
    return count + 1 if count < LOW_8 else count


@inlined
def discharge(source, began, period):
    """A handshake that began in a period is open no more; False if it was held against the source already."""
    passed = since(began, period)
    if passed == 0:
        source.pending = less(i64(source.pending))
    elif passed == 1:
        source.before = less(i64(source.before))
    return passed < 2


@inlined
def less(count):
    """One less, if there is one."""
    return count - 1 if count else 0


@inlined
def earn_one(source, late):
    """A handshake has ended well: one more. `late`: what was held against the source is given back."""
    most, allowance, lost = i64(policy().source_syns), allowance_of(source) + (2 if late else 1), lost_of(source)
    set_earned(source, allowance if allowance < most else most, lost - 1 if lost else 0)


@inlined
def blame(source, period):
    """A handshake was reset by its client: one less."""
    allowance = allowance_of(source)
    if allowance > 1:
        set_earned(source, allowance - 1, lost_of(source))
    elif allowance == 1:
        lose(source, period)


@inlined
def prove(source, period):
    """Its address lives. Who waits goes on to; of whom nobody has heard for long, what he has earned counts no more."""
    if waits(source, period) or (allowance_of(source) and is_fresh(source, period)):
        return
    set_earned(source, FIRST_ALLOWANCE, lost_of(source))
    source.used, source.passed, source.pending, source.before = period, 0, 0, 0
