"""The rates of rules: how many frames of those that match go on. Token buckets: words of time, exchanged atomically.

A word says when its bucket is full again. A draw moves that on by what the draw costs; it may be as far ahead of now as a
bucket is deep (the generic cell rate algorithm: ATM Forum TM 4.0, 4.4.2). So a bucket that is full says nothing, which is
what lets source prefixes share few of them. Buckets of rules are drawn from for a ms' worth at a time, which is the CPU's
then: CPUs seldom touch what they share.
"""

from __future__ import annotations

from hardtack.compiler.language import absent, address, at, compare_exchange, entry_at, i64, inlined, u64
from hardtack.packet.cookie.time import clock
from hardtack.packet.frame.opaque import opaque
from hardtack.packet.frame.platform import coarse_ns
from hardtack.packet.rule_tables import RULE_BUCKETS, RULE_SOURCES, SOURCE_BUCKETS, SOURCE_WAYS, Bucket, Sources
from hardtack.packet.state.connections import places

DEPTH = 1 << 28  # ns, 0.27 s: what may come at once, over ten seconds 2.7 % more; and at least one draw
ATTEMPTS = 4
SOURCE_SHIFT = 4  # times of sources are in 16 ns, and begin anew each 52 days
TIME_BITS = 48
TIMES = (1 << TIME_BITS) - 1
FARTHEST = (2 << 32) >> SOURCE_SHIFT  # no bucket is so far ahead: what seems so is of long ago
TAG_BITS = 0xFFFF
BYTES_3 = 0xFFFFFF  # the first bytes of an address, as they lie in memory
BUCKET_SHIFT = 64 - (SOURCE_BUCKETS.bit_length() - 1)
TAG_SHIFT = 24

bucket_at = entry_at(RULE_BUCKETS, Bucket)
sources_at = entry_at(RULE_SOURCES, Sources)


@inlined
def may_go_on(rule, tally, flow):
    """Whether the rule's rate has room for this frame, which is then paid for."""
    now = coarse_ns() + clock().still_ns
    return draw_for_source(rule, flow, now) if rule.per_source else pay(rule, tally, now)


@inlined
def pay(rule, tally, now):
    """One of this CPU's last draw; when that is used up, it draws again."""
    if not tally.left:
        bucket = bucket_at(i64(rule.number))
        if absent(bucket) or not draw(bucket, u64(rule.cost), now):
            return False
        tally.left = u64(rule.frames)
    tally.left -= u64(1)
    return True


@inlined
def draw(bucket, cost, now):
    """Whether the bucket had enough. Who loses the exchange again and again has nothing: others have just had it."""
    for _ in range(ATTEMPTS):
        before = bucket.full_at
        begins = now if before < now else before
        if begins + cost > now + deep(cost, u64(DEPTH)):
            return False
        if compare_exchange(address(bucket), before, begins + cost) == before:
            return True
    return False


@inlined
def deep(cost, depth):
    """How deep a bucket is: so deep, and at least as one draw. All in one unit, or a slow rule has no room for a frame."""
    return cost if cost > depth else depth


@inlined
def draw_for_source(rule, flow, now):
    """The same of the bucket that the source's prefix has for this rule."""
    hashed = hashed_source(rule, flow)
    sources = sources_at(i64(hashed >> u64(BUCKET_SHIFT)))
    if absent(sources):
        return False
    cost, ticks = (u64(rule.cost) >> u64(SOURCE_SHIFT)) + u64(1), (now >> u64(SOURCE_SHIFT)) & u64(TIMES)
    tag, depth = (hashed >> u64(TAG_SHIFT)) & u64(TAG_BITS), deep(cost, u64(DEPTH >> SOURCE_SHIFT))
    way = opaque(way_of(sources, tag, ticks), SOURCE_WAYS - 1)
    for _ in range(ATTEMPTS):
        before = sources.words[way]
        ahead = ahead_of(before, ticks)
        if ahead + cost > depth:
            return False
        owner = tag if ahead == u64(0) else before >> u64(TIME_BITS)
        after = (owner << u64(TIME_BITS)) | ((ticks + ahead + cost) & u64(TIMES))
        if compare_exchange(at(address(sources), way * 8), before, after) == before:
            return True
    return False


@inlined
def way_of(sources, tag, ticks):
    """Which of the words of a bucket: its own; else one that is nobody's any more; else it shares one.

    So whoever comes by many prefixes can have no more than all words have together; who shares one with such has less.
    """
    free, own = 0, 0  # counted from 1: a 0 that goes to the stack is not known to be one (compiler/zeros.py)
    for way in range(SOURCE_WAYS):
        word = sources.words[way]
        if ahead_of(word, ticks) == u64(0):
            free = way + 1
        elif word >> u64(TIME_BITS) == tag:
            own = way + 1
    if own == 0:
        own = free if free else (i64(tag) & (SOURCE_WAYS - 1)) + 1
    return own - 1


@inlined
def ahead_of(word, ticks):
    """How far the bucket is from being full."""
    ahead = (word - ticks) & u64(TIMES)
    return ahead if ahead < u64(FARTHEST) else u64(0)


@inlined
def hashed_source(rule, flow):
    """The source's /24, or /64, and the rule, under factors that nobody outside knows: multiplied, folded, multiplied."""
    prefix = (flow.source_low >> u64(32)) & u64(BYTES_3) if flow.version == 4 else flow.source_high
    mixed = (prefix ^ (u64(rule.number) << u64(40))) * (places().factors[2] | u64(1))
    return (mixed ^ (mixed >> u64(32))) * (places().factors[3] | u64(1))
