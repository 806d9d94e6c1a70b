"""The connection table: who may pass at the price of one look-up. No locks, no timers, no memory but its own.

Each connection has two buckets where it may be, by two hashes, and a bucket has eight places. `tags` holds a byte for each
place (0: free), eight in a word; only behind a tag that fits is the record itself looked at, one cache line. A newcomer
goes into the first bucket while less than half of it is in use, which a CPU's branch prediction comes to expect; else into
the one with more room: then next to nothing is displaced at two thirds of the places in use (Azar et al., Balanced
Allocations, 1999). Without any room, one of the sixteen gives way: see eviction.py.

Strangers, which a flood consists of, are to be known for such without waiting for memory: `marks` has a bit for each hash,
set when a connection is remembered, and is small enough to stay close to the CPU. (A filter of Bloom's, 1970, with one
hash; as many bits as connections, and at least a million.) It fills as connections come and go; a mark that means nothing
only costs a look at the tags. Now and then the front's process has it made anew: see sweep.py.

The hash is multilinear under secret factors (Thorup 2015, High Speed Hashing, 3.5): nobody can aim at a bucket. Mixed
afterwards (MurmurHash3's finaliser, by Appleby), or addresses in a row would gather in some buckets.

Several CPUs share it. A place changes hands by an atomic exchange of its bucket's word; the record follows. Who looks in
between finds a tag without its connection, or a connection without its tag: a stranger, for as long as a write takes.
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
    nothing_of,
    set_bits,
    u64,
)
from hardtack.packet.layout import CONNECTIONS, MARKS, PLACES, TAGS, WAYS, Connection, Mark, Places, Tags

LOW_32 = 0xFFFFFFFF
MIX_1, MIX_2 = 0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53
EACH, HIGH_BITS, LOW_BITS = 0x0101010101010101, 0x8080808080808080, 0x7F7F7F7F7F7F7F7F  # of every byte
WAY_OF_BIT = 0x0001020304050607  # times 1 << 8 * n: n, in the top byte
ATTEMPTS = 2  # when other CPUs change the very same bucket at the same time
WAY_BITS = 3

places = entry_of(PLACES, Places)
mark_at = entry_at(MARKS, Mark)
tags_at = entry_at(TAGS, Tags)
connection_at = entry_at(CONNECTIONS, Connection)
no_connection = nothing_of(Connection)


@inlined
def hashed(name):
    """64 bits, from the words of addresses and ports; an IPv4 address is one word."""
    factors = places().factors
    total = factors[0]
    if name.version == 4:
        total += (name.source_low >> u64(32)) * factors[1]
        total += (name.destination_low >> u64(32)) * factors[2]
        total += name.ports * factors[3]
    else:
        total += (name.source_high & u64(LOW_32)) * factors[1] + (name.source_high >> u64(32)) * factors[2]
        total += (name.source_low & u64(LOW_32)) * factors[3] + (name.source_low >> u64(32)) * factors[4]
        total += (name.destination_high & u64(LOW_32)) * factors[5] + (name.destination_high >> u64(32)) * factors[6]
        total += (name.destination_low & u64(LOW_32)) * factors[7] + (name.destination_low >> u64(32)) * factors[8]
        total += name.ports * factors[9]
    return mixed(total)


@inlined
def mixed(total):
    """Each bit of it in all others."""
    total = (total ^ (total >> u64(33))) * u64(MIX_1)
    total = (total ^ (total >> u64(33))) * u64(MIX_2)
    return total ^ (total >> u64(33))


@inlined
def find(name):
    """The connection's record, or nothing. Where it is, or may be, is in `name` then.

    Both buckets' words are asked for before either is looked at: the memory answers them together.
    """
    name.hashed = hashed(name)
    return find_hashed(name)


@inlined
def find_hashed(name):
    """The same, of a name whose hash is known."""
    if not is_marked(name):
        return no_connection()
    seat(name)
    return find_seated(name)


@inlined
def find_seated(name):
    """The same, of a name whose buckets are known."""
    one, other = tags_at(name.first), tags_at(name.second)
    if absent(one) or absent(other):
        return no_connection()
    wanted = name.tag * u64(EACH)
    fitting, rest = perhaps_free(one.word ^ wanted), perhaps_free(other.word ^ wanted)
    bucket = name.first
    for _ in range(2):
        entry = find_among(name, bucket, fitting)
        if not absent(entry):
            return entry
        bucket, fitting = name.second, rest
    return no_connection()


@inlined
def is_marked(name):
    """Whether a connection with these bits of its hash has been remembered."""
    mark = mark_at(mark_word(name, places().marks))
    return False if absent(mark) else (mark.word >> (name.hashed & u64(63))) & u64(1) != u64(0)


@inlined
def mark(name):
    """From now on one is. Once its record is written: who makes the other set anew finds it there, or comes first."""
    mark_in(name, u64(0))
    mark_in(name, u64(1))


@inlined
def mark_in(name, which):
    """The same, in one set."""
    mark, bit = mark_at(mark_word(name, which)), u64(1) << (name.hashed & u64(63))
    if not absent(mark) and not mark.word & bit:  # an exchange would wait until the record is written
        set_bits(address(mark), bit)


@inlined
def mark_word(name, which):
    """The number of the word that has the mark of this hash, in one of the two sets."""
    marked = places().marked
    return i64((which & u64(1)) * ((marked + u64(1)) >> u64(6)) + ((name.hashed & marked) >> u64(6)))


@inlined
def seat(name):
    """Work out the two buckets and the tag: from the hash's halves, and from the first's other end."""
    buckets, high, low = places().buckets, name.hashed >> u64(32), name.hashed & u64(LOW_32)
    name.first, name.second = i64((high * buckets) >> u64(32)), i64((low * buckets) >> u64(32))
    tag = high & u64(0xFF)
    name.tag = tag if tag else u64(1)


@inlined
def find_among(name, bucket, fitting):
    """The record, if it is at one of the bucket's places whose tags fit."""
    for _ in range(WAYS):
        if not fitting:
            break
        place = bucket * WAYS + first_way(fitting)
        entry = connection_at(place)
        if absent(entry):
            break
        if is_called(entry, name):
            name.place = place
            return entry
        fitting &= fitting - u64(1)
    return no_connection()


@inlined
def is_called(entry, name):
    """Whether it is the one that is looked for."""
    differs = (entry.source_high ^ name.source_high) | (entry.source_low ^ name.source_low)
    differs |= (entry.destination_high ^ name.destination_high) | (entry.destination_low ^ name.destination_low)
    return (differs | (u64(entry.ports) ^ name.ports)) == u64(0)


@inlined
def free_places(word):
    """The highest bit of each byte that is 0."""
    return ~((((word & u64(LOW_BITS)) + u64(LOW_BITS)) | word) | u64(LOW_BITS))


@inlined
def perhaps_free(word):
    """The same for less; above a byte that is 0, one that is 1 may be taken for 0, too."""
    return (word - u64(EACH)) & ~word & u64(HIGH_BITS)


@inlined
def first_way(bits):
    """The number of the lowest byte that has its highest bit set."""
    lowest = bits & (~bits + u64(1))
    return i64(((lowest >> u64(7)) * u64(WAY_OF_BIT)) >> u64(56))


@inlined
def count_of(bits):
    """How many bytes have their highest bit set."""
    return ((bits >> u64(7)) * u64(EACH)) >> u64(56)


@inlined
def forget(name):
    """The connection that `find` has found is no more. Another CPU may be about to say the same."""
    for _ in range(ATTEMPTS):
        if change_tag(name.place, name.tag, u64(0)):
            break


@inlined
def tag_at(place):
    """The tag of a place."""
    word = tags_at(place >> WAY_BITS)
    return u64(0) if absent(word) else (word.word >> bits_below(place)) & u64(0xFF)


@inlined
def change_tag(place, before, after):
    """Give a place another tag; False if it no longer has the one of `before`, or its bucket changes this very moment."""
    word = tags_at(place >> WAY_BITS)
    if absent(word):
        return False
    seen, shift = word.word, bits_below(place)
    if (seen >> shift) & u64(0xFF) != before:
        return False
    return compare_exchange(address(word), seen, seen ^ ((before ^ after) << shift)) == seen


@inlined
def bits_below(place):
    """Where in its bucket's word the tag of a place begins."""
    return u64((place & (WAYS - 1)) * 8)
